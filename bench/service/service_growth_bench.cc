// Times calls of 13-64-1 as the server's models and its callers grow in number, each series
// doubling, and prints one JSON object a line:
//
//   {"kind": "models", "value": 1024, "create_us": …, "delete_us": …, "step_us": …,
//    "predict_us": …}
//   {"kind": "callers", "value": 8, "us": …, "per_s": …}
//
// models:  so many with Adam, in memory. Creating one more and deleting it, a step on 32 rows and a
//          prediction of one row, each call of another model in turn.
// callers: predictions of a row by so many at once, all of one model; "us" is a call's latency.
//
// Usage: service_growth_bench DESCENTD [rounds [most models]], with the address of a server that
// has no models yet. Numbers are medians: of calls, or for the rate of rounds.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "bench/service/measuring.h"
#include "client/descent/client.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"

namespace descent::bench {
namespace {

constexpr std::int64_t kFeatures = 13;
constexpr std::int64_t kBatchRows = 32;
constexpr int kMostCallers = 256;
// Calls of a round.
constexpr int kCreations = 100;
constexpr int kCalls = 500;
constexpr int kCallersCalls = 2000;  // of all callers together

std::string NameOf(int model) { return "model-" + std::to_string(model); }

// Seconds of each call.
template <typename Call>
std::vector<double> Latencies(int calls, const Call& call) {
  std::vector<double> seconds;
  for (int i = 0; i < calls; ++i) seconds.push_back(Seconds([&] { call(i); }));
  return seconds;
}

void Append(const std::vector<double>& more, std::vector<double>& all) {
  all.insert(all.end(), more.begin(), more.end());
}

void Create(const client::Client& client, int model) {
  v1::Model spec = DenseModel(NameOf(model), kFeatures, {64, 1});
  spec.mutable_optimizer()->mutable_adam();
  Require(client.CreateModel(std::move(spec)));
}

void PrintModels(const client::Client& client, int rounds, int most) {
  v1::StepRequest step;
  *step.mutable_batch()->mutable_inputs() = RandomTensor(kBatchRows, kFeatures);
  *step.mutable_batch()->mutable_targets() = RandomTensor(kBatchRows, 1);
  v1::PredictRequest predict;
  *predict.mutable_inputs() = RandomTensor(1, kFeatures);
  int made = 0;
  int turn = 0;
  for (int models = 1; models <= most; models *= 2) {
    for (; made < models; ++made) {
      Create(client, made);
      step.set_model(NameOf(made));
      Require(client.Step(step));  // its state is all there after the first
    }
    std::vector<double> creations;
    std::vector<double> deletions;
    std::vector<double> steps;
    std::vector<double> predictions;
    for (int round = -1; round < rounds; ++round) {  // one to warm up
      const auto create = [&](int i) { Create(client, models + i); };
      const auto remove = [&](int i) { Require(client.DeleteModel(NameOf(models + i))); };
      const auto train = [&](int i) {
        step.set_model(NameOf((turn + i) % models));
        Require(client.Step(step));
      };
      const auto ask = [&](int i) {
        predict.set_model(NameOf((turn + i) % models));
        Require(client.Predict(predict));
      };
      const std::vector<double> created = Latencies(kCreations, create);
      const std::vector<double> deleted = Latencies(kCreations, remove);
      const std::vector<double> trained = Latencies(kCalls, train);
      const std::vector<double> asked = Latencies(kCalls, ask);
      turn = (turn + kCalls) % models;
      if (round < 0) continue;
      Append(created, creations);
      Append(deleted, deletions);
      Append(trained, steps);
      Append(asked, predictions);
    }
    std::printf(
        "{\"kind\": \"models\", \"value\": %d, \"create_us\": %.1f, \"delete_us\": %.1f, "
        "\"step_us\": %.1f, \"predict_us\": %.1f}\n",
        models, Median(creations) * 1e6, Median(deletions) * 1e6, Median(steps) * 1e6,
        Median(predictions) * 1e6);
    std::fflush(stdout);
  }
}

void PrintCallers(const client::Client& client, int rounds) {
  v1::PredictRequest predict;
  predict.set_model(NameOf(0));
  *predict.mutable_inputs() = RandomTensor(1, kFeatures);
  for (int callers = 1; callers <= kMostCallers; callers *= 2) {
    const int each = kCallersCalls / callers;
    std::vector<double> latencies;
    std::vector<double> rates;
    for (int round = -1; round < rounds; ++round) {  // one to warm up
      std::vector<std::vector<double>> of_callers(static_cast<std::size_t>(callers));
      const double seconds = Seconds([&] {
        std::vector<std::thread> threads;
        for (std::vector<double>& own : of_callers) {
          threads.emplace_back(
              [&] { own = Latencies(each, [&](int /*i*/) { Require(client.Predict(predict)); }); });
        }
        for (std::thread& thread : threads) thread.join();
      });
      if (round < 0) continue;
      for (const std::vector<double>& own : of_callers) Append(own, latencies);
      rates.push_back(callers * each / seconds);
    }
    std::printf("{\"kind\": \"callers\", \"value\": %d, \"us\": %.1f, \"per_s\": %.0f}\n", callers,
                Median(latencies) * 1e6, Median(rates));
    std::fflush(stdout);
  }
}

int Main(const std::string& descentd, int rounds, int most_models) {
  const client::Client client = ConnectTo(descentd);
  PrintModels(client, rounds, most_models);
  PrintCallers(client, rounds);
  return 0;
}

}  // namespace
}  // namespace descent::bench

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // see server/main.cc
  if (argc < 2) {
    std::fprintf(stderr, "usage: service_growth_bench DESCENTD [rounds [most models]]\n");
    return 64;
  }
  const auto number = [&](int i, int otherwise) {
    return argc > i ? std::max(1, std::atoi(argv[i])) : otherwise;
  };
  return descent::bench::Main(argv[1], number(2, 9), number(3, 16384));
}
