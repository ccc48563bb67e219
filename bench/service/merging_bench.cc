// Times predictions of one row, of a network so large that computing is a part of what they cost,
// by more and more callers at once: on a server that computes together what waits, and on one that
// computes each by itself. Prints one JSON object a line:
//
//   {"kind": "merging", "callers": 64, "merged_per_s": …, "one_by_one_per_s": …}
//
// Usage: merging_bench DESCENTD DESCENTD_ONE_BY_ONE [rounds], with the addresses of a server and of
// one with --max-merged-rows 1. Each number is the median of rounds in which everything takes its
// turn.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "bench/service/measuring.h"
#include "client/descent/client.h"
#include "descent/v1/network_service.pb.h"

namespace descent::bench {
namespace {

constexpr char kModel[] = "merging";
constexpr std::int64_t kFeatures = 784;
constexpr int kMostCallers = 256;
constexpr int kCalls = 4000;  // of a round

client::Client ConnectWithModel(const std::string& server) {
  client::Client client = ConnectTo(server);
  Require(client.CreateModel(DenseModel(kModel, kFeatures, {512, 256, 10})));
  return client;
}

// Predictions a second.
double Rate(const client::Client& client, const v1::PredictRequest& request, int callers) {
  const double seconds = Seconds([&] {
    std::vector<std::thread> threads;
    for (int i = 0; i < callers; ++i) {
      threads.emplace_back([&] {
        for (int call = 0; call < kCalls / callers; ++call) Require(client.Predict(request));
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  return callers * (kCalls / callers) / seconds;
}

int Main(const std::string& descentd, const std::string& one_by_one, int rounds) {
  const client::Client merging = ConnectWithModel(descentd);
  const client::Client single = ConnectWithModel(one_by_one);
  v1::PredictRequest request;
  request.set_model(kModel);
  *request.mutable_inputs() = RandomTensor(1, kFeatures);
  for (int callers = 1; callers <= kMostCallers; callers *= 2) {
    std::vector<double> merged;
    std::vector<double> each;
    for (int round = -1; round < rounds; ++round) {  // one to warm up
      const double together = Rate(merging, request, callers);
      const double alone = Rate(single, request, callers);
      if (round < 0) continue;
      merged.push_back(together);
      each.push_back(alone);
    }
    std::printf(
        "{\"kind\": \"merging\", \"callers\": %d, \"merged_per_s\": %.0f, "
        "\"one_by_one_per_s\": %.0f}\n",
        callers, Median(merged), Median(each));
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace descent::bench

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // see server/main.cc
  if (argc < 3) {
    std::fprintf(stderr, "usage: merging_bench DESCENTD DESCENTD_ONE_BY_ONE [rounds]\n");
    return 64;
  }
  return descent::bench::Main(argv[1], argv[2], argc > 3 ? std::max(1, std::atoi(argv[3])) : 5);
}
