// What predictions and a training stream that saturates the server do to each other, for a small
// network, whose stream is bound by the transport, and one whose stream is bound by computing.
// Prints quantiles of a call's latency, calls coming one after another, with streams beside them
// and without, and of the stream's rate what a thousand predictions a second leave, one JSON object
// a line:
//
//   {"kind": "latency", "network": "13-64-1, 32", "name": "predict", "stream": "training",
//    "p50_us": …, "p99_us": …, "p999_us": …}
//   {"kind": "share", "network": "13-64-1, 32", "share": …}
//
// Predictions are of one row by the model that is trained, and come over another connection than
// the stream. Three calls do nothing: a "health check" of the server that trains, and an "empty
// call" with as many bytes as a prediction to a server of its own, which is idle beside a
// "training" stream, and carries the stream itself where that is an "empty" one.
//
// Usage: interference_bench DESCENTD EMPTY_SERVER [rounds [network]], with the addresses of servers
// that run in processes of their own on this machine. Each quantile is the median of those of the
// rounds, in which everything takes its turn.

#include <grpcpp/client_context.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/service/empty_stream.h"
#include "bench/service/measuring.h"
#include "client/descent/client.h"
#include "descent/v1/network_service.pb.h"
#include "empty_service.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace descent::bench {
namespace {

constexpr char kModel[] = "bench";

struct Subject {
  const char* network;
  std::int64_t features;
  std::vector<std::int64_t> units;
  std::int64_t rows;
};

const std::vector<Subject>& Subjects() {
  static const auto* const kSubjects = new std::vector<Subject>{
      {.network = "13-64-1, 32", .features = 13, .units = {64, 1}, .rows = 32},
      {.network = "784-512-256-10, 128", .features = 784, .units = {512, 256, 10}, .rows = 128}};
  return *kSubjects;
}

// Calls function(stop) on a thread while it lives; the function returns soon after *stop.
class Meanwhile {
 public:
  explicit Meanwhile(std::function<void(const std::atomic<bool>&)> function)
      : thread_([this, function = std::move(function)] { function(stop_); }) {}
  ~Meanwhile() {
    stop_ = true;
    thread_.join();
  }
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// A server and another that does nothing, and what is sent to them.
struct Scene {
  client::Client trainer;
  client::Client predictor;
  std::unique_ptr<grpc::health::v1::Health::Stub> health;
  std::unique_ptr<EmptyService::Stub> empty;
  v1::Batch batch;
  v1::PredictRequest predict;
  Payload empty_batch;
  Payload empty_predict;

  void Predict() const { Require(predictor.Predict(predict)); }

  void CheckHealth() const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    grpc::health::v1::HealthCheckResponse response;
    Require(health->Check(&context, grpc::health::v1::HealthCheckRequest(), &response));
  }

  void CallNothing() const { EmptyCall(*empty, empty_predict); }

  // Sends batches without a pause, and counts them.
  void Train(const std::atomic<bool>& stop, std::atomic<std::int64_t>* batches) const {
    const auto session = Require(trainer.Train(kModel));
    while (!stop) {
      Require(session->Send(batch));
      ++*batches;
    }
    Require(session->Finish());
  }

  void TrainNothing(const std::atomic<bool>& stop) const {
    EmptyStreamWhile(*empty, empty_batch, [&stop] { return !stop; });
  }
};

Scene Prepare(const std::string& descentd, const std::string& empty_server,
              const Subject& subject) {
  Scene scene{.trainer = ConnectTo(descentd),
              .predictor = ConnectTo(descentd),
              .health = grpc::health::v1::Health::NewStub(LocalChannel(descentd)),
              .empty = EmptyService::NewStub(LocalChannel(empty_server)),
              .batch = {},
              .predict = {},
              .empty_batch = {},
              .empty_predict = {}};
  Require(scene.trainer.CreateModel(DenseModel(kModel, subject.features, subject.units)));
  *scene.batch.mutable_inputs() = RandomTensor(subject.rows, subject.features);
  *scene.batch.mutable_targets() = RandomTensor(subject.rows, subject.units.back());
  v1::TrainRequest train;
  train.mutable_batch()->set_sequence(1000);
  *train.mutable_batch()->mutable_batch() = scene.batch;
  scene.empty_batch = SameSize(train, SampleAck(subject.rows));
  scene.predict.set_model(kModel);
  *scene.predict.mutable_inputs() = RandomTensor(1, subject.features);
  scene.empty_predict = SameSize(scene.predict, Require(scene.trainer.Predict(scene.predict)));
  return scene;
}

// Streams fill their window as fast as they can before they go at the pace of the server: what is
// measured begins this long after them.
constexpr absl::Duration kFilling = absl::Milliseconds(500);

// Quantiles of a call's latency, one of each round.
class Latencies {
 public:
  // `name` and `stream` as printed.
  Latencies(const char* name, const char* stream, std::function<void()> call)
      : name_(name), stream_(stream), call_(std::move(call)) {}

  void Call(int calls) {
    for (int i = 0; i < calls; ++i) seconds_.push_back(Seconds(call_));
  }

  void EndRound() {
    p50_.push_back(Median(seconds_));
    p99_.push_back(Quantile(seconds_, 0.99));
    p999_.push_back(Quantile(seconds_, 0.999));
    seconds_.clear();
  }

  void Print(const Subject& subject) const {
    std::printf(
        "{\"kind\": \"latency\", \"network\": \"%s\", \"name\": \"%s\", \"stream\": \"%s\", "
        "\"p50_us\": %.0f, \"p99_us\": %.0f, \"p999_us\": %.0f}\n",
        subject.network, name_, stream_, Median(p50_) * 1e6, Median(p99_) * 1e6,
        Median(p999_) * 1e6);
  }

 private:
  const char* name_;
  const char* stream_;
  std::function<void()> call_;
  std::vector<double> seconds_;  // of this round
  std::vector<double> p50_, p99_, p999_;
};

// A round: 2,000 calls of each, in turns of 100, so that all meet the same minute.
void TakeTurns(std::vector<Latencies>* latencies) {
  constexpr int kTurns = 20, kCalls = 100;
  for (int turn = 0; turn < kTurns; ++turn) {
    for (Latencies& one : *latencies) one.Call(kCalls);
  }
  for (Latencies& one : *latencies) one.EndRound();
}

void PrintLatencies(const Scene& scene, const Subject& subject, int rounds) {
  const auto predict = [&scene] { scene.Predict(); };
  const auto health_check = [&scene] { scene.CheckHealth(); };
  const auto empty_call = [&scene] { scene.CallNothing(); };
  const auto calls_beside = [&](const char* stream) {
    return std::vector<Latencies>{{"predict", stream, predict},
                                  {"health check", stream, health_check},
                                  {"empty call", stream, empty_call}};
  };
  std::vector<Latencies> alone = calls_beside("none");
  std::vector<Latencies> beside_training = calls_beside("training");
  std::vector<Latencies> beside_nothing{{"empty call", "empty", empty_call}};
  for (int round = 0; round < rounds; ++round) {
    TakeTurns(&alone);
    {
      std::atomic<std::int64_t> batches = 0;
      const Meanwhile training([&](const auto& stop) { scene.Train(stop, &batches); });
      absl::SleepFor(kFilling);
      TakeTurns(&beside_training);
    }
    const Meanwhile streaming([&](const auto& stop) { scene.TrainNothing(stop); });
    absl::SleepFor(kFilling);
    TakeTurns(&beside_nothing);
  }
  for (const auto* latencies : {&alone, &beside_training, &beside_nothing}) {
    for (const Latencies& one : *latencies) one.Print(subject);
  }
}

// Batches a second beside a call every millisecond.
double TrainingRate(const Scene& scene, const std::function<void()>& call) {
  constexpr int kCalls = 2000;
  std::atomic<std::int64_t> batches = 0;
  const Meanwhile training([&](const auto& stop) { scene.Train(stop, &batches); });
  absl::SleepFor(kFilling);
  const std::int64_t before = batches;
  const double seconds = Seconds([&] {
    auto next = std::chrono::steady_clock::now();
    for (int i = 0; i < kCalls; ++i) {
      call();
      next += std::chrono::milliseconds(1);
      std::this_thread::sleep_until(next);
    }
  });
  return static_cast<double>(batches - before) / seconds;
}

void PrintShare(const Scene& scene, const Subject& subject, int rounds) {
  std::vector<double> shares;
  for (int round = 0; round < rounds; ++round) {
    const double alone = TrainingRate(scene, [] {});
    shares.push_back(TrainingRate(scene, [&scene] { scene.Predict(); }) / alone);
  }
  std::printf("{\"kind\": \"share\", \"network\": \"%s\", \"share\": %.3f}\n", subject.network,
              Median(shares));
}

int Main(const std::string& descentd, const std::string& empty_server, int rounds,
         absl::string_view network) {
  for (const Subject& subject : Subjects()) {
    if (!absl::StartsWith(subject.network, network)) continue;
    const Scene scene = Prepare(descentd, empty_server, subject);
    PrintLatencies(scene, subject, rounds);
    PrintShare(scene, subject, rounds);
    std::fflush(stdout);
    Require(scene.trainer.DeleteModel(kModel));
  }
  return 0;
}

}  // namespace
}  // namespace descent::bench

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // see server/main.cc
  if (argc < 3) {
    std::fprintf(stderr, "usage: interference_bench DESCENTD EMPTY_SERVER [rounds [network]]\n");
    return 64;
  }
  return descent::bench::Main(argv[1], argv[2], argc > 3 ? std::max(1, std::atoi(argv[3])) : 5,
                              argc > 4 ? argv[4] : "");
}
