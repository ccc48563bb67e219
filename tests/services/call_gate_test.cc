// The gate that every call passes, without a server.

#include "server/services/call_gate.h"

#include <grpcpp/server_context.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "clock/steady.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace descent::services {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr MethodName kStep = {"descent.v1.NetworkService", "Step"};

// Remembers who ended, and how.
class Observer final : public CallObserver {
 public:
  void OnCallEnd(const CallRecord& record) override {
    EXPECT_GE(record.duration, absl::ZeroDuration());
    ended.push_back(std::string(record.name.method) + " of '" + std::string(record.model) +
                    "': " + std::string(absl::StatusCodeToString(record.status.code())));
  }

  std::vector<std::string> ended;
};

class CallGateTest : public ::testing::Test {
 protected:
  absl::Time Soon() const { return SteadyNow() + absl::Milliseconds(20); }

  const grpc::CallbackServerContext context_;
  Observer observer_;
  CallGate gate_{&observer_};
};

TEST_F(CallGateTest, RefusesCallsUntilItIsOpened) {
  {
    const CallPass early(&gate_, kStep, context_);
    EXPECT_THAT(early.admission(), ReasonIs("STARTING"));
    EXPECT_TRUE(gate_.AwaitNoCalls(Soon())) << "a call that was refused is waited for";
  }
  gate_.Open();
  const CallPass call(&gate_, kStep, context_);
  EXPECT_THAT(call.admission(), IsOk());
}

TEST_F(CallGateTest, StaysClosedWhenItIsOpenedAfterwards) {
  gate_.Close();
  gate_.Open();
  const CallPass late(&gate_, kStep, context_);
  EXPECT_THAT(late.admission(), ReasonIs("DRAINING"));
}

TEST_F(CallGateTest, ADrainWaitsForCallsThatWereLetIn) {
  gate_.Open();
  std::optional<CallPass> call;
  call.emplace(&gate_, kStep, context_);
  gate_.Close();
  EXPECT_THAT(call->admission(), IsOk()) << "who is in stays in";
  EXPECT_FALSE(gate_.AwaitNoCalls(Soon()));
  std::thread end([&] { call.reset(); });
  EXPECT_TRUE(gate_.AwaitNoCalls(SteadyNow() + absl::Seconds(20)));
  // Whoever waited may take down what the observer writes to.
  EXPECT_THAT(observer_.ended, ElementsAre("Step of '': OK"));
  end.join();
}

TEST_F(CallGateTest, TellsOfEveryCallsEndOnce) {
  gate_.Open();
  {
    CallPass call(&gate_, kStep, context_);
    call.set_model("prices");
    call.set_status(absl::NotFoundError("no such model"));
    EXPECT_THAT(observer_.ended, IsEmpty());
  }
  EXPECT_THAT(observer_.ended, ElementsAre("Step of 'prices': NOT_FOUND"));
}

TEST_F(CallGateTest, NeedsNoObserver) {
  CallGate gate(nullptr);
  gate.Open();
  { const CallPass call(&gate, kStep, context_); }
  EXPECT_TRUE(gate.AwaitNoCalls(Soon()));
}

}  // namespace
}  // namespace descent::services
