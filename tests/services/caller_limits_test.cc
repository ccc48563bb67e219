// A caller, or a connection, at each of its limits is refused, and others are served at that
// moment.

#include <grpcpp/server_context.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clock/steady.h"
#include "tests/services/service_fixture.h"

namespace descent::testing {
namespace {

using absl::StatusCode;
using services::CallerLimits;

// Knows callers by a header that they send.
class ByHeader final : public services::Admission {
 public:
  absl::StatusOr<std::unique_ptr<services::CallPermit>> Admit(
      const services::MethodName& /*name*/, const grpc::ServerContextBase& context) override {
    const auto name = context.client_metadata().find("caller");
    if (name == context.client_metadata().end()) return absl::UnauthenticatedError("who?");
    return std::make_unique<Permit>(std::string(name->second.data(), name->second.size()));
  }

 private:
  class Permit final : public services::CallPermit {
   public:
    explicit Permit(std::string name) : name_(std::move(name)) {}
    std::string_view caller() const override { return name_; }
    absl::Status CheckModel(std::string_view /*model*/) const override { return absl::OkStatus(); }

   private:
    const std::string name_;
  };
};

CallOptions As(const std::string& caller) { return {.metadata = {{"caller", caller}}}; }

class CallerLimitsTest : public ServiceTest {
 protected:
  void SetUp() override { Limit({.connection = {}}); }

  void Limit(const services::CallLimits& limits) {
    hooks_.admission = &by_header_;
    server_options_.calls = limits;
    RestartOnPort();
    other_connection_ = std::make_unique<ServiceClient>(server_->address());
    for (const auto& model : {LineModel("line"), SlowModel("slow")}) {
      ASSERT_TRUE(client_->Call(model, As(model.model().name())).ok());
    }
  }

  CallStatus Predict(ServiceClient& client, const std::string& caller) {
    return client.Call(PredictOf("line", Floats({1, 2}, {1, 2})), As(caller)).status;
  }
  // Calls until one is refused, which may take a moment.
  CallStatus UntilRefused(ServiceClient& client, const std::string& caller) {
    const absl::Time deadline = SteadyNow() + absl::Seconds(30);
    CallStatus status = Predict(client, caller);
    while (status.ok() && SteadyNow() < deadline) status = Predict(client, caller);
    return status;
  }

  ByHeader by_header_;
  std::unique_ptr<ServiceClient> other_connection_;
};

// Keeps a caller at a limit of 2 calls at once, of 5 a second or of a few kilobytes, on one
// connection and as long as it lives.
class Holding {
 public:
  Holding(ServiceClient* client, const std::string& caller)
      : client_(*client), caller_(caller), thread_([this] { Run(); }) {
    for (int i = 0; i < 2; ++i) {
      streams_.push_back(client->Train(As(caller)));
      streams_.back().Write(StartOf("line", absl::StrCat(caller, i)));
    }
  }
  ~Holding() {
    done_ = true;
    thread_.join();
  }

 private:
  void Run() {
    while (!done_) client_.Call(StepOf("slow", SlowBatch()), As(caller_));
  }

  ServiceClient& client_;
  const std::string caller_;
  std::atomic<bool> done_ = false;
  std::vector<TrainStream> streams_;
  std::thread thread_;
};

struct LimitCase {
  const char* reason;
  CallerLimits limits;
};
const LimitCase kCases[] = {
    {"TOO_MANY_CALLS", {.calls = 2}},
    {"RATE_EXCEEDED", {.per_second = 5}},
    {"TOO_MANY_BYTES", {.bytes = 4000}},  // a slow batch has 9 kB
};

void ExpectRefusal(const CallStatus& status, const char* reason, const std::string& party) {
  EXPECT_EQ(status.code, StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(status.reason, reason) << status;
  EXPECT_EQ(status.domain, "descent.v1");
  EXPECT_GT(status.retry_delay, absl::ZeroDuration()) << status;
  EXPECT_EQ(status.metadata.count("limit"), 1) << status;
  ASSERT_EQ(status.metadata.count("limited"), 1) << status;
  EXPECT_EQ(status.metadata.at("limited"), party);
}

TEST_F(CallerLimitsTest, ACallerAtItsLimitIsRefusedAndOthersAreServedOnEveryConnection) {
  for (const auto& [reason, limits] : kCases) {
    SCOPED_TRACE(reason);
    Limit({.caller = limits, .connection = {}});
    const Holding holding(client_.get(), "greedy");
    for (ServiceClient* connection : {client_.get(), other_connection_.get()}) {
      ExpectRefusal(UntilRefused(*connection, "greedy"), reason, "caller");
    }
    for (ServiceClient* connection : {client_.get(), other_connection_.get()}) {
      EXPECT_TRUE(Predict(*connection, "modest").ok());
      // Whoever asks after the server's health is answered, also who is at its limit.
      EXPECT_EQ(connection->CheckHealth("", As("greedy")), "SERVING");
    }
    ExpectRefusal(UntilRefused(*client_, "greedy"), reason, "caller");
  }
}

TEST_F(CallerLimitsTest, AConnectionAtItsLimitIsRefusedAndOthersAreServed) {
  for (const auto& [reason, limits] : kCases) {
    SCOPED_TRACE(reason);
    Limit({.connection = limits});
    const Holding holding(client_.get(), "greedy");
    ExpectRefusal(UntilRefused(*client_, "greedy"), reason, "connection");
    EXPECT_TRUE(Predict(*other_connection_, "greedy").ok());
    EXPECT_TRUE(Predict(*other_connection_, "modest").ok());
    EXPECT_EQ(client_->CheckHealth("", As("greedy")), "SERVING");
    ExpectRefusal(UntilRefused(*client_, "modest"), reason, "connection");
  }
}

TEST_F(CallerLimitsTest, ServesAgainWhenTheCallsHaveEnded) {
  Limit({.caller = {.calls = 2}, .connection = {}});
  {
    const Holding holding(client_.get(), "greedy");
    ExpectRefusal(UntilRefused(*client_, "greedy"), "TOO_MANY_CALLS", "caller");
  }
  const absl::Time deadline = SteadyNow() + absl::Seconds(30);
  while (!Predict(*client_, "greedy").ok() && SteadyNow() < deadline) {
  }
  EXPECT_TRUE(Predict(*client_, "greedy").ok());
}

TEST_F(CallerLimitsTest, StreamsOverTheirRateAreReadLaterAndLoseNothing) {
  constexpr int kRate = 50;
  constexpr int kBatches = 100;
  Limit({.caller = {.per_second = kRate}, .connection = {}});
  const absl::Time begin = SteadyNow();
  TrainStream stream = client_->Train(As("streaming"));
  ASSERT_TRUE(stream.Write(StartOf("line", "s", 1)));
  for (int i = 1; i <= kBatches; ++i) ASSERT_TRUE(stream.Write(BatchOf(i, LineBatch(4, 1))));
  stream.HalfClose();
  EXPECT_TRUE(Predict(*client_, "modest").ok());
  const CallStatus status = stream.Finish();
  EXPECT_TRUE(status.ok()) << status;
  // All but what may come at once took its time.
  EXPECT_GE(SteadyNow() - begin, absl::Seconds(1) * (kBatches - kRate) / kRate / 2);
  const auto line = client_->Call(GetOf("line"), As("modest"));
  EXPECT_EQ(line->model().step(), kBatches);

  v1::EvaluateRequest evaluated;
  evaluated.set_model("line");
  *evaluated.mutable_batch() = LineBatch(4, 1);
  const auto answer =
      client_->Call(std::vector<v1::EvaluateRequest>(kBatches, evaluated), As("evaluating"));
  EXPECT_TRUE(answer.ok()) << answer;
  EXPECT_EQ(answer->rows(), 4 * kBatches);
}

// Acknowledgements may be rare, and what is applied counts no more.
TEST_F(CallerLimitsTest, AStreamOfMoreBytesThanItsCallerMayHaveComesToItsEnd) {
  constexpr int kBatches = 300;
  Limit({.connection = {.bytes = 20'000}});
  TrainStream stream = client_->Train(As("streaming"));
  ASSERT_TRUE(stream.Write(StartOf("line", "s", 1 << 20)));
  for (int i = 1; i <= kBatches; ++i) ASSERT_TRUE(stream.Write(BatchOf(i, LineBatch(100, 1))));
  stream.HalfClose();
  const CallStatus status = stream.Finish();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(CallerLimitsTest, AStreamThatWaitsForItsRateCanBeCancelledAndDrained) {
  Limit({.caller = {.per_second = 1}, .connection = {}});
  std::vector<TrainStream> streams;
  for (int i = 0; i < 2; ++i) {
    streams.push_back(client_->Train(As("streaming")));
    streams.back().Write(StartOf("line", absl::StrCat("s", i), 1));
    for (int j = 1; j <= 20; ++j) streams.back().Write(BatchOf(j, LineBatch(4, 1)));
    absl::SleepFor(absl::Milliseconds(1100));
  }
  streams.front().Cancel();
  EXPECT_EQ(streams.front().Finish().code, StatusCode::kCancelled);
  EXPECT_TRUE(server_->Drain(absl::Now() + absl::Seconds(60)));
}

}  // namespace
}  // namespace descent::testing
