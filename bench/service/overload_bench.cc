// What overload does to a server: predictions of one model, sent at ten times the rate that the
// server sustains whether or not earlier ones were answered. Prints one JSON object a line:
//
//   {"kind": "overload", "phase": "unloaded", "sent": …, "ok": …, "exhausted": …, "late": …,
//    "other": …, "ok_ratio": …, "p50_ms": …, "p99_ms": …}
//   {"kind": "overload_ratios", "p99": …, "recovered": …}
//
// Phases: "unloaded", a tenth of the sustained rate; "overloaded", ten times of it. A call waits
// for its answer for 5 seconds at most. `late` were DEADLINE_EXCEEDED, `exhausted`
// RESOURCE_EXHAUSTED; `ok_ratio` is the rate of answers over the sustained one. `p99` compares the
// calls answered under overload with those unloaded, `recovered` the rate sustained a second after
// it with that before.
//
// Usage: overload_bench DESCENTD [seconds], with the address of a server that runs in a process of
// its own on this machine.

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/service/measuring.h"
#include "client/descent/client.h"
#include "descent/v1/network_service.pb.h"

namespace descent::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kModel[] = "bench";
constexpr int kConnections = 8;
constexpr std::chrono::seconds kDeadline{5};

// How the calls of a phase ended.
class Results {
 public:
  void Add(const grpc::Status& status, double milliseconds) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (status.ok()) {
      milliseconds_.push_back(milliseconds);
    } else if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
      ++exhausted_;
    } else if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      ++late_;
    } else if (other_++ == 0) {
      std::fprintf(stderr, "status %d: %s\n", status.error_code(), status.error_message().c_str());
    }
  }

  // Requires that all calls have ended. `expected`: how many answers the sustained rate would be.
  void Print(const char* phase, std::int64_t sent, double expected) const {
    std::printf(
        "{\"kind\": \"overload\", \"phase\": \"%s\", \"sent\": %lld, \"ok\": %zu, "
        "\"exhausted\": %lld, \"late\": %lld, \"other\": %lld, \"ok_ratio\": %.3f, \"p50_ms\": "
        "%.2f, "
        "\"p99_ms\": %.2f}\n",
        phase, static_cast<long long>(sent), milliseconds_.size(),
        static_cast<long long>(exhausted_), static_cast<long long>(late_),
        static_cast<long long>(other_), static_cast<double>(milliseconds_.size()) / expected,
        At(0.5), At(0.99));
    std::fflush(stdout);
  }

  // Of the answered calls' milliseconds; 0 if there were none.
  double At(double quantile) const {
    return milliseconds_.empty() ? 0 : Quantile(milliseconds_, quantile);
  }

 private:
  std::mutex mutex_;
  std::vector<double> milliseconds_;  // of those that were answered
  std::int64_t exhausted_ = 0;
  std::int64_t late_ = 0;
  std::int64_t other_ = 0;
};

// Predictions of the same bytes, on several connections.
class Load {
 public:
  Load(const std::string& server, const std::string& request) {
    const grpc::Slice slice(request);
    request_ = grpc::ByteBuffer(&slice, 1);
    for (int i = 0; i < kConnections; ++i) {
      stubs_.push_back(std::make_unique<grpc::GenericStub>(LocalConnection(server)));
    }
  }

  // Begins a call; `then` runs when it has ended.
  template <typename Then>
  void Begin(Then then) {
    auto* call = new Call;
    call->context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    under_way_.fetch_add(1);
    grpc::GenericStub& stub = *stubs_[next_++ % stubs_.size()];
    stub.UnaryCall(&call->context, "/descent.v1.NetworkService/Predict", {}, &request_,
                   &call->response, [this, call, then](const grpc::Status& status) {
                     const std::chrono::duration<double, std::milli> took =
                         Clock::now() - call->begin;
                     delete call;
                     then(status, took.count());
                     under_way_.fetch_sub(1);
                   });
  }

  void AwaitAll() const {
    while (under_way_.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

 private:
  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer response;
    Clock::time_point begin = Clock::now();
  };

  grpc::ByteBuffer request_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::int64_t> under_way_{0};
};

// So many callers that wait for each answer. Returns what the server answers a second.
double Sustained(Load* load, int callers, double seconds) {
  std::atomic<std::int64_t> answered = 0;
  const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                   std::chrono::duration<double>(seconds));
  struct Caller {
    Load* load;
    std::atomic<std::int64_t>* answered;
    Clock::time_point end;
    void operator()(const grpc::Status& status, double /*milliseconds*/) const {
      if (status.ok()) answered->fetch_add(1);
      if (Clock::now() < end) load->Begin(*this);
    }
  };
  for (int i = 0; i < callers; ++i) load->Begin(Caller{load, &answered, end});
  load->AwaitAll();
  return static_cast<double>(answered.load()) / seconds;
}

// `calls_per_s`, in bursts of a millisecond's, whether or not there are answers. Returns the p99.
double Open(Load* load, const char* phase, double calls_per_s, double seconds, double sustained) {
  Results results;
  std::int64_t sent = 0;
  const Clock::time_point begin = Clock::now();
  for (double elapsed = 0; elapsed < seconds;
       elapsed = std::chrono::duration<double>(Clock::now() - begin).count()) {
    for (; static_cast<double>(sent) < elapsed * calls_per_s; ++sent) {
      load->Begin([&results](const grpc::Status& status, double milliseconds) {
        results.Add(status, milliseconds);
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  load->AwaitAll();
  results.Print(phase, sent, sustained * seconds);
  return results.At(0.99);
}

// Some milliseconds of one core, so that those who ask need little of the machine beside it.
std::string Request(const client::Client& client) {
  constexpr std::int64_t kFeatures = 64;
  Require(client.CreateModel(DenseModel(kModel, kFeatures, {2048, 2048, 1})).status());
  v1::PredictRequest request;
  request.set_model(kModel);
  *request.mutable_inputs() = RandomTensor(32, kFeatures);
  return request.SerializeAsString();
}

void Main(const std::string& server, double seconds) {
  constexpr int kCallers = 8;
  const double short_phase = std::min(seconds, 3.0);
  Load load(server, Request(ConnectTo(server)));
  Sustained(&load, kCallers, short_phase / 3);  // warms up
  const double sustained = Sustained(&load, kCallers, short_phase);
  const double unloaded =
      Open(&load, "unloaded", sustained / 10, std::max(seconds / 2, short_phase), sustained);
  const double overloaded = Open(&load, "overloaded", sustained * 10, seconds, sustained);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const double recovered = Sustained(&load, kCallers, short_phase);
  std::printf("{\"kind\": \"overload_ratios\", \"p99\": %.2f, \"recovered\": %.3f}\n",
              overloaded / unloaded, recovered / sustained);
}

}  // namespace
}  // namespace descent::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s DESCENTD [seconds]\n", argv[0]);
    return 64;
  }
  descent::bench::Main(argv[1], argc > 2 ? std::strtod(argv[2], nullptr) : 60);
}
