// The gate that every call passes, without a server.

#include "server/services/call_gate.h"

#include <grpcpp/server_context.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
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
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr MethodName kStep = {"descent.v1.NetworkService", "Step"};
constexpr MethodName kPredict = {"descent.v1.NetworkService", "Predict"};

// Writes down what it is told, in order, where others write too.
class Observer final : public CallObserver {
 public:
  Observer(std::string name, std::vector<std::string>* told)
      : name_(std::move(name)), told_(told) {}

  void OnCallStart(const MethodName& name, const grpc::ServerContextBase& /*context*/) override {
    told_->push_back(absl::StrCat(name_, ": ", std::string(name.method), " starts"));
  }
  void OnCallEnd(const CallRecord& record) override {
    EXPECT_GE(record.duration, absl::ZeroDuration());
    told_->push_back(absl::StrCat(name_, ": ", std::string(record.name.method), " of '",
                                  std::string(record.model), "' ends ",
                                  absl::StatusCodeToString(record.status.code()), ", ",
                                  record.received_bytes, " bytes in, ", record.sent_bytes, " out"));
  }

 private:
  const std::string name_;
  std::vector<std::string>* const told_;
};

// Lets Predict in, for models with this prefix.
class ByPrefix final : public Admission {
 public:
  absl::StatusOr<std::unique_ptr<CallPermit>> Admit(
      const MethodName& name, const grpc::ServerContextBase& /*context*/) override {
    ++asked;
    if (name.method != "Predict") return absl::PermissionDeniedError("a reader");
    return std::make_unique<Permit>();
  }

  int asked = 0;

 private:
  class Permit final : public CallPermit {
   public:
    absl::Status CheckModel(std::string_view model) const override {
      if (model.starts_with("pricing-")) return absl::OkStatus();
      return absl::PermissionDeniedError("another's model");
    }
  };
};

class CallGateTest : public ::testing::Test {
 protected:
  absl::Time Soon() const { return SteadyNow() + absl::Milliseconds(20); }

  const grpc::CallbackServerContext context_;
  std::vector<std::string> told_;
  Observer log_{"log", &told_};
  Observer metrics_{"metrics", &told_};
  CallGate gate_{{.observers = {&log_}}};
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
  EXPECT_THAT(told_, ElementsAre("log: Step starts", "log: Step of '' ends OK, 0 bytes in, 0 out"));
  end.join();
}

TEST_F(CallGateTest, TellsEveryObserverOfEveryCallsStartAndEnd) {
  CallGate gate({.observers = {&log_, &metrics_}});
  gate.Open();
  {
    CallPass call(&gate, kStep, context_);
    EXPECT_THAT(told_, ElementsAre("log: Step starts", "metrics: Step starts"));
    told_.clear();
    EXPECT_THAT(call.AdmitModel("prices"), IsOk());
    call.AddReceived(7);
    call.AddReceived(5);
    call.AddSent(3);
    EXPECT_EQ(call.End(absl::NotFoundError("no such model")).error_code(),
              grpc::StatusCode::NOT_FOUND);
    EXPECT_THAT(told_, IsEmpty());
  }
  EXPECT_THAT(told_, ElementsAre("log: Step of 'prices' ends NOT_FOUND, 12 bytes in, 3 out",
                                 "metrics: Step of 'prices' ends NOT_FOUND, 12 bytes in, 3 out"));
}

TEST_F(CallGateTest, TellsOfCallsThatWereRefusedToo) {
  {
    CallPass early(&gate_, kStep, context_);
    early.End(early.admission());
  }
  EXPECT_THAT(told_, ElementsAre("log: Step starts",
                                 "log: Step of '' ends UNAVAILABLE, 0 bytes in, 0 out"));
}

TEST_F(CallGateTest, CountsMessagesAsTheyComeAndGoAndInTheCallsRecord) {
  class Counter final : public MessageCounter, public CallObserver {
   public:
    MessageCounts* CountsOf(const MethodName& name) override {
      return name.method == "Step" ? &counts : nullptr;
    }
    void OnCallEnd(const CallRecord& record) override {
      received += record.received_messages;
      sent += record.sent_messages;
    }

    MessageCounts counts;
    std::int64_t received = 0;
    std::int64_t sent = 0;
  };
  Counter counter;
  CallGate gate({.observers = {&counter}, .messages = &counter});
  gate.Open();
  {
    CallPass step(&gate, kStep, context_);
    step.AddReceived(7);
    step.AddReceived(0);
    step.AddSent(3);
    EXPECT_EQ(counter.counts.received, 2);
    EXPECT_EQ(counter.counts.sent, 1);
    EXPECT_EQ(counter.received, 0);
    CallPass predict(&gate, kPredict, context_);
    predict.AddReceived(1);
  }
  EXPECT_EQ(counter.counts.received, 2);
  EXPECT_EQ(counter.received, 3) << "of both calls";
  EXPECT_EQ(counter.sent, 1);
}

TEST_F(CallGateTest, NeedsNoObserver) {
  CallGate gate({});
  gate.Open();
  { const CallPass call(&gate, kStep, context_); }
  EXPECT_TRUE(gate.AwaitNoCalls(Soon()));
}

TEST_F(CallGateTest, InquiriesAreAnsweredAtAnyTimeAndWaitedForByNobody) {
  const CallPass early(&gate_, kStep, context_, CallKind::kInquiry);
  EXPECT_THAT(early.admission(), IsOk());
  gate_.Close();
  const CallPass late(&gate_, kStep, context_, CallKind::kInquiry);
  EXPECT_THAT(late.admission(), IsOk());
  EXPECT_TRUE(gate_.AwaitNoCalls(Soon()));
}

TEST_F(CallGateTest, AsksTheAdmissionAboutTheCallAndThenAboutItsModel) {
  ByPrefix admission;
  CallGate gate({.observers = {&log_}, .admission = &admission});
  {
    const CallPass early(&gate, kPredict, context_);
    EXPECT_THAT(early.admission(), ReasonIs("STARTING"));
  }
  gate.Open();
  EXPECT_EQ(admission.asked, 0) << "about a call that is not let in anyway";
  for (const CallKind kind : {CallKind::kWork, CallKind::kInquiry}) {
    const CallPass step(&gate, kStep, context_, kind);
    EXPECT_EQ(step.admission().message(), "a reader");
  }
  EXPECT_TRUE(gate.AwaitNoCalls(Soon())) << "calls that were refused are counted";
  told_.clear();
  {
    CallPass predict(&gate, kPredict, context_);
    EXPECT_THAT(predict.admission(), IsOk());
    EXPECT_TRUE(predict.MaySee("pricing-eu"));
    EXPECT_FALSE(predict.MaySee("salaries"));
    EXPECT_THAT(predict.AdmitModel("pricing-eu"), IsOk());
    const absl::Status status = predict.AdmitModel("salaries");
    EXPECT_EQ(status.message(), "another's model");
    predict.End(status);
  }
  EXPECT_THAT(told_.back(), HasSubstr("of 'salaries' ends PERMISSION_DENIED"));
}

}  // namespace
}  // namespace descent::services
