// What a training stream costs in processor time, at both ends together, beside what it cannot do
// without: the engine's own computing, on one thread in this process, and a stream that carries as
// many bytes and does nothing. Prints one JSON object a line:
//
//   {"kind": "stream cost", "name": "…", "descent_us": …, "descent_client_us": …, "empty_us": …,
//    "empty_client_us": …, "engine_us": …}     a batch; at both ends, and at the client's
//
// Usage: stream_cost_bench DESCENTD PID EMPTY_SERVER PID [rounds [name]], with the addresses of
// servers that run on this machine, their process ids, and the beginning of the names to measure.
// Each number is the least of rounds in which everything takes its turn: what disturbs a round can
// only make it longer.

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "bench/core/reference_networks.h"
#include "bench/service/empty_stream.h"
#include "bench/service/measuring.h"
#include "client/descent/client.h"
#include "core/network.h"
#include "core/trainer.h"
#include "descent/v1/network_service.pb.h"

namespace descent::bench {
namespace {

constexpr char kModel[] = "stream-cost";

// Seconds of processor time that a process has used so far.
double CpuSeconds(pid_t process) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    Require(absl::NotFoundError(absl::StrCat("there is no process ", process)));
  }
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Seconds of processor time a batch at the two ends, round by round.
struct Costs {
  std::vector<double> client;
  std::vector<double> server;

  std::vector<double> Together() const {
    std::vector<double> sums = client;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += server[i];
    return sums;
  }
};

double Least(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

// Adds what work on `count` batches takes in this process and in another one.
void AddCosts(pid_t server, int count, const std::function<void()>& work, Costs* costs) {
  const double client_before = CpuSeconds(getpid());
  const double server_before = CpuSeconds(server);
  work();
  costs->client.push_back((CpuSeconds(getpid()) - client_before) / count);
  costs->server.push_back((CpuSeconds(server) - server_before) / count);
}

struct Server {
  std::string address;
  pid_t process;
};

void Measure(const Reference& reference, int count, const Server& descentd,
             const Server& empty_server, int rounds) {
  const std::vector<std::int64_t> units(reference.widths.begin() + 1, reference.widths.end());
  const client::Client client = ConnectTo(descentd.address);
  Require(client.CreateModel(DenseModel(kModel, reference.widths.front(), units)));
  v1::TrainRequest request;
  v1::Batch& batch = *request.mutable_batch()->mutable_batch();
  *batch.mutable_inputs() = RandomTensor(reference.rows, reference.widths.front());
  *batch.mutable_targets() = RandomTensor(reference.rows, units.back());
  const auto train = [&](std::vector<v1::Batch> batches) {
    const auto session = Require(client.Train(kModel, {.ack_every = 0}));
    for (v1::Batch& each : batches) Require(session->Send(std::move(each)));
    Require(session->Finish());
  };

  const auto stub = EmptyService::NewStub(LocalChannel(empty_server.address));
  const Payload payload = SameSize(request, SampleAck(reference.rows));

  const auto network = Require(Network::Create(SpecOf(reference)));
  OptimizerSpec optimizer;
  optimizer.learning_rate = 1e-4;
  optimizer.algorithm = SgdOptions{};
  const auto trainer = Require(Trainer::Create(network, optimizer, /*pool=*/nullptr));
  std::mt19937 random(1);
  Batch own;
  own.inputs = RandomMatrix(reference.rows, reference.widths.front(), &random);
  own.targets = RandomMatrix(reference.rows, units.back(), &random);

  Costs descent;
  Costs empty;
  std::vector<double> engine;
  for (int round = 0; round <= rounds; ++round) {
    if (round == 1) descent = empty = {};  // the first one warmed up
    // To make them is the program's own work.
    std::vector<v1::Batch> batches(static_cast<std::size_t>(count), batch);
    AddCosts(
        descentd.process, count, [&] { train(std::move(batches)); }, &descent);
    AddCosts(
        empty_server.process, count, [&] { EmptyStream(*stub, payload, count); }, &empty);
    const double before = CpuSeconds(getpid());
    for (int i = 0; i < count; ++i) Require(trainer->Step(own));
    engine.push_back((CpuSeconds(getpid()) - before) / count);
  }
  std::printf(
      "{\"kind\": \"stream cost\", \"name\": \"%s, %d rows\", \"descent_us\": %.1f, "
      "\"descent_client_us\": %.1f, \"empty_us\": %.1f, \"empty_client_us\": %.1f, "
      "\"engine_us\": %.1f}\n",
      reference.name, static_cast<int>(reference.rows), Least(descent.Together()) * 1e6,
      Least(descent.client) * 1e6, Least(empty.Together()) * 1e6, Least(empty.client) * 1e6,
      Least(engine) * 1e6);
  std::fflush(stdout);
  Require(client.DeleteModel(kModel));
}

int Main(const Server& descentd, const Server& empty_server, int rounds, const std::string& name) {
  for (const Reference& reference : References()) {
    if (reference.activation != HiddenActivation::kRelu) continue;  // DenseModel's
    if (!absl::StartsWith(reference.name, name)) continue;
    const int count = static_cast<int>(std::clamp(4e10 / StepOperations(reference), 20.0, 20000.0));
    Measure(reference, count, descentd, empty_server, rounds);
  }
  return 0;
}

}  // namespace
}  // namespace descent::bench

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // see server/main.cc
  if (argc < 5) {
    std::fprintf(stderr,
                 "usage: stream_cost_bench DESCENTD PID EMPTY_SERVER PID [rounds [name]]\n");
    return 64;
  }
  return descent::bench::Main({argv[1], std::atoi(argv[2])}, {argv[3], std::atoi(argv[4])},
                              argc > 5 ? std::max(1, std::atoi(argv[5])) : 5,
                              argc > 6 ? argv[6] : "");
}
