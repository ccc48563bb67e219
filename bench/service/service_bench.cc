// Times descentd's training stream, steps and predictions beside an empty stream and empty calls
// that carry the same bytes, and beside another server of the same contract, and prints one JSON
// object a line:
//
//   {"kind": "service", "name": "train", "descent_per_s": …, "empty_per_s": …, "peer_per_s": …,
//    "request_bytes": …}
//
// Usage: service_bench DESCENTD EMPTY_SERVER PEER [rounds [name]], with the addresses of servers
// that run in processes of their own on this machine (PEER may be "-": none), and what a name has
// to match to be measured, such as "train|predict, 1". Each number is the median of rounds in which
// everything takes its turn, so that a noisy machine disturbs them alike. Over TLS and with a
// token, as bench/service/measuring.h says.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <regex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "bench/service/empty_stream.h"
#include "bench/service/measuring.h"
#include "client/descent/client.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "empty_service.grpc.pb.h"

namespace descent::bench {
namespace {

// 13-64-1, ReLU, mean squared error, plain gradient descent.
constexpr int64_t kFeatures = 13;
constexpr int64_t kBatchRows = 32;
constexpr char kModel[] = "bench";

// What a measured piece of work is given: how often to do it.
using Work = std::function<void(int count)>;

v1::Model Model() { return DenseModel(kModel, kFeatures, {64, 1}); }

v1::Batch TrainingBatch() {
  v1::Batch batch;
  *batch.mutable_inputs() = RandomTensor(kBatchRows, kFeatures);
  *batch.mutable_targets() = RandomTensor(kBatchRows, 1);
  return batch;
}

void EmptyCalls(EmptyService::Stub& stub, const Payload& payload, int count) {
  for (int i = 0; i < count; ++i) EmptyCall(stub, payload);
}

void Train(const client::Client& client, const v1::Batch& batch, int ack_every, int count) {
  const auto session = Require(client.Train(kModel, {.ack_every = ack_every}));
  for (int i = 0; i < count; ++i) Require(session->Send(batch));
  Require(session->Finish());
}

void Step(const client::Client& client, const v1::StepRequest& request, int count) {
  for (int i = 0; i < count; ++i) Require(client.Step(request));
}

void Predict(const client::Client& client, const v1::PredictRequest& request, int count) {
  for (int i = 0; i < count; ++i) Require(client.Predict(request));
}

// The work shared between callers on threads of their own.
Work Concurrently(int callers, Work work) {
  return [callers, work = std::move(work)](int count) {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(callers));
    for (int i = 0; i < callers; ++i) threads.emplace_back(work, count / callers);
    for (std::thread& thread : threads) thread.join();
  };
}

struct Comparison {
  const char* name;
  std::size_t request_bytes;
  int count;  // of a round, about a quarter of a second
  Work descent;
  Work empty;
  Work peer;  // null: none
};

// A peer does a part of the work, as it takes longer.
constexpr int kPeerShare = 10;

void Measure(const std::vector<Comparison>& comparisons, int rounds) {
  std::vector<std::vector<double>> descent(comparisons.size());
  std::vector<std::vector<double>> empty(comparisons.size());
  std::vector<std::vector<double>> peer(comparisons.size());
  for (int round = -1; round < rounds; ++round) {  // one to warm up
    for (std::size_t i = 0; i < comparisons.size(); ++i) {
      const Comparison& comparison = comparisons[i];
      const double descent_seconds = Seconds([&] { comparison.descent(comparison.count); });
      const double empty_seconds = Seconds([&] { comparison.empty(comparison.count); });
      const int peer_count = comparison.count / kPeerShare;
      const double peer_seconds =
          comparison.peer ? Seconds([&] { comparison.peer(peer_count); }) : 1;
      if (round < 0) continue;
      peer[i].push_back(comparison.peer ? peer_count / peer_seconds : 0);
      descent[i].push_back(comparison.count / descent_seconds);
      empty[i].push_back(comparison.count / empty_seconds);
    }
  }
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    std::printf(
        "{\"kind\": \"service\", \"name\": \"%s\", \"descent_per_s\": %.0f, "
        "\"empty_per_s\": %.0f, \"peer_per_s\": %.0f, \"request_bytes\": %zu}\n",
        comparisons[i].name, Median(descent[i]), Median(empty[i]), Median(peer[i]),
        comparisons[i].request_bytes);
  }
}

// A client of a server that has the model.
client::Client ConnectWithModel(const std::string& server) {
  client::Client client = ConnectTo(server);
  Require(client.CreateModel(Model()));
  return client;
}

int Main(const std::string& descentd, const std::string& empty_server,
         const std::string& peer_server, int rounds, const std::string& name) {
  const client::Client client = ConnectWithModel(descentd);
  const bool has_peer = peer_server != "-";
  const client::Client peer = has_peer ? ConnectWithModel(peer_server) : client;
  const auto stub = EmptyService::NewStub(LocalChannel(empty_server));

  v1::TrainRequest train;
  train.mutable_batch()->set_sequence(1000);
  *train.mutable_batch()->mutable_batch() = TrainingBatch();
  const Payload train_payload = SameSize(train, SampleAck(kBatchRows));

  v1::PredictRequest predict;
  predict.set_model(kModel);
  *predict.mutable_inputs() = RandomTensor(1, kFeatures);
  const Payload predict_payload = SameSize(predict, Require(client.Predict(predict)));

  const v1::Batch& batch = train.batch().batch();
  v1::StepRequest step;
  step.set_model(kModel);
  *step.mutable_batch() = batch;
  const Payload step_payload = SameSize(step, Require(client.Step(step)));

  const Work steps = [&](int count) { Step(client, step, count); };
  const Work empty_steps = [&](int count) { EmptyCalls(*stub, step_payload, count); };
  const Work predicts = [&](int count) { Predict(client, predict, count); };
  const Work empty_calls = [&](int count) { EmptyCalls(*stub, predict_payload, count); };
  // Of the peer, if there is one.
  const auto peers = [&](Work work) { return has_peer ? std::move(work) : Work(); };
  const Work peer_steps = [&](int count) { Step(peer, step, count); };
  const Work peer_predicts = [&](int count) { Predict(peer, predict, count); };
  std::vector<Comparison> comparisons = {
      {"train", train.ByteSizeLong(), 10000, [&](int count) { Train(client, batch, 0, count); },
       [&](int count) { EmptyStream(*stub, train_payload, count); },
       peers([&](int count) { Train(peer, batch, 0, count); })},
      {"step, 1 caller", step.ByteSizeLong(), 2000, steps, empty_steps, peers(peer_steps)},
      {"step, 8 callers", step.ByteSizeLong(), 4000, Concurrently(8, steps),
       Concurrently(8, empty_steps), peers(Concurrently(8, peer_steps))},
      {"predict, 1 caller", predict.ByteSizeLong(), 2000, predicts, empty_calls,
       peers(peer_predicts)},
      {"predict, 8 callers", predict.ByteSizeLong(), 4000, Concurrently(8, predicts),
       Concurrently(8, empty_calls), peers(Concurrently(8, peer_predicts))},
  };
  std::erase_if(comparisons, [&](const Comparison& comparison) {
    return !std::regex_search(comparison.name, std::regex(name));
  });
  Measure(comparisons, rounds);
  Require(client.DeleteModel(kModel));
  return 0;
}

}  // namespace
}  // namespace descent::bench

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // see server/main.cc
  if (argc < 4) {
    std::fprintf(stderr, "usage: service_bench DESCENTD EMPTY_SERVER PEER [rounds [name]]\n");
    return 64;
  }
  return descent::bench::Main(argv[1], argv[2], argv[3],
                              argc > 4 ? std::max(1, std::atoi(argv[4])) : 9,
                              argc > 5 ? argv[5] : "");
}
