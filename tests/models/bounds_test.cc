// The bounds on what is held: work, memory, request ids and sessions.

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/memory_budget.h"
#include "server/models/request_window.h"
#include "server/models/session_table.h"
#include "server/models/work_quota.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::descent::testing::StatusIs;
using ::testing::HasSubstr;

TEST(WorkQuotaTest, BoundsItems) {
  const auto quota = WorkQuota::Create("tests", {2, 1000, absl::Milliseconds(70)}, nullptr);
  auto first = quota->Admit(1);
  auto second = quota->Admit(1);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  const auto third = quota->Admit(1);
  EXPECT_THAT(third, ReasonIs("QUEUE_FULL"));
  EXPECT_THAT(third, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("2 items")));
  EXPECT_EQ(GetErrorDetails(third.status()).retry_after, absl::Milliseconds(70));
  first->Release();
  EXPECT_THAT(quota->Admit(1), IsOk());
}

TEST(WorkQuotaTest, BoundsBytesButLetsOneItemThrough) {
  const auto quota = WorkQuota::Create("tests", {10, 100, absl::Seconds(1)}, nullptr);
  {
    const auto large = quota->Admit(1000);
    ASSERT_THAT(large, IsOk());
    EXPECT_THAT(quota->Admit(0), ReasonIs("QUEUE_FULL"));
    EXPECT_EQ(quota->bytes(), 1000);
  }
  const auto small = quota->Admit(60);
  ASSERT_THAT(small, IsOk());
  EXPECT_THAT(quota->Admit(41), ReasonIs("QUEUE_FULL"));
  EXPECT_THAT(quota->Admit(40), IsOk());
}

TEST(WorkQuotaTest, CountsInTheParentToo) {
  const auto parent = WorkQuota::Create("parent", {2, 1000, absl::Seconds(1)}, nullptr);
  const auto a = WorkQuota::Create("a", {2, 1000, absl::Seconds(1)}, parent);
  const auto b = WorkQuota::Create("b", {1, 1000, absl::Seconds(1)}, parent);
  const auto in_b = b->Admit(5);
  ASSERT_THAT(in_b, IsOk());
  // A refusal below leaves nothing behind above.
  EXPECT_THAT(b->Admit(5), ReasonIs("QUEUE_FULL"));
  EXPECT_EQ(parent->items(), 1);
  const auto in_a = a->Admit(5);
  ASSERT_THAT(in_a, IsOk());
  EXPECT_THAT(a->Admit(5), ReasonIs("QUEUE_FULL"));
  EXPECT_EQ(a->items(), 1);
  EXPECT_FALSE(a->HasRoom());
  const WorkTicket forced = a->AdmitAlways(7);
  EXPECT_EQ(parent->items(), 3);
  EXPECT_EQ(parent->bytes(), 17);
}

TEST(WorkQuotaTest, AdmitsNothingOnceClosed) {
  const auto parent = WorkQuota::Create("parent", {2, 1000, absl::Seconds(1)}, nullptr);
  const auto child = WorkQuota::Create("child", {2, 1000, absl::Seconds(1)}, parent);
  auto held = child->Admit(1);
  ASSERT_THAT(held, IsOk());
  parent->Close();
  EXPECT_THAT(child->Admit(1), ReasonIs("DRAINING"));
  EXPECT_FALSE(parent->AwaitIdle(absl::Now() + absl::Milliseconds(1)));
  held->Release();
  EXPECT_TRUE(parent->AwaitIdle(absl::Now()));
}

TEST(WorkQuotaTest, CountsWhatItHoldsAgainstTheBudget) {
  const auto budget = MemoryBudget::Create(100);
  const auto root = WorkQuota::Create("root", {10, 1000, absl::Seconds(1)}, nullptr, budget);
  const auto child = WorkQuota::Create("child", {10, 1000, absl::Seconds(1)}, root);
  {
    const auto held = child->Admit(60);
    ASSERT_THAT(held, IsOk());
    EXPECT_EQ(budget->used(MemoryPurpose::kHeldWork), 60);
    EXPECT_THAT(child->Admit(41), ReasonIs("MEMORY_BUDGET"));
    EXPECT_EQ(root->items(), 1);
    const WorkTicket forced = child->AdmitAlways(50);
    EXPECT_EQ(budget->used(), 110);
  }
  EXPECT_EQ(budget->used(), 0);
  EXPECT_EQ(root->items(), 0);
}

TEST(MemoryBudgetTest, CountsUntilAChargeIsGone) {
  const auto budget = MemoryBudget::Create(100);
  {
    auto charge = budget->Reserve(MemoryPurpose::kHeldWork, 60);
    ASSERT_THAT(charge, IsOk());
    EXPECT_THAT(budget->Reserve(MemoryPurpose::kUnsent, 41), ReasonIs("MEMORY_BUDGET"));
    EXPECT_THAT(charge->TryRaise(101), ReasonIs("MEMORY_BUDGET"));
    EXPECT_THAT(charge->TryRaise(100), IsOk());
    EXPECT_THAT(charge->TryRaise(20), IsOk());
    EXPECT_EQ(budget->used(), 100);
    charge->Raise(150);  // held already, so counted
    EXPECT_EQ(budget->used(), 150);
    EXPECT_THAT(budget->Reserve(MemoryPurpose::kUnsent, 0), ReasonIs("MEMORY_BUDGET"));
    charge->LowerTo(70);
    EXPECT_EQ(budget->used(MemoryPurpose::kHeldWork), 70);
    MemoryCharge moved = *std::move(charge);
    EXPECT_EQ(moved.bytes(), 70);
    EXPECT_EQ(charge->bytes(), 0);
  }
  EXPECT_EQ(budget->used(), 0);
}

TEST(MemoryBudgetTest, WhatStandsLeavesRoomForWhatPasses) {
  const auto budget = MemoryBudget::Create(100);
  const auto models = budget->Reserve(MemoryPurpose::kModels, 70);
  ASSERT_THAT(models, IsOk());
  EXPECT_THAT(budget->Reserve(MemoryPurpose::kAnswers, 6), ReasonIs("MEMORY_BUDGET"));
  EXPECT_THAT(budget->Reserve(MemoryPurpose::kReceived, 31), ReasonIs("MEMORY_BUDGET"));
  const auto received = budget->Reserve(MemoryPurpose::kReceived, 30);
  ASSERT_THAT(received, IsOk());
  // A refusal leaves nothing behind: neither in all that is used nor in what stands.
  EXPECT_THAT(budget->Reserve(MemoryPurpose::kSessions, 1), ReasonIs("MEMORY_BUDGET"));
  EXPECT_EQ(budget->used(), 100);
  EXPECT_EQ(budget->used(MemoryPurpose::kSessions), 0);
}

TEST(MemoryBudgetTest, EveryPurposeHasAName) {
  for (std::size_t i = 0; i < kMemoryPurposes; ++i) {
    EXPECT_FALSE(MemoryPurposeName(static_cast<MemoryPurpose>(i)).empty());
  }
}

class RequestWindowTest : public ::testing::Test {
 protected:
  using Window = RequestWindow<int>;

  // What Begin does: "new", or the answer of a repeat once it has come.
  bool Begin(const std::string& id, std::uint64_t fingerprint, absl::Time now) {
    return window_.Begin({id, fingerprint}, now, [this]() -> Window::OnRepeat {
      return [this](const absl::StatusOr<int>& answer) { answers_.push_back(answer); };
    });
  }

  const absl::Time start_ = absl::UnixEpoch();
  Window window_{/*count=*/3, /*age=*/absl::Seconds(10)};
  std::vector<absl::StatusOr<int>> answers_;
};

TEST_F(RequestWindowTest, RepeatsGetTheFirstAnswer) {
  EXPECT_TRUE(Begin("a", 1, start_));
  EXPECT_FALSE(Begin("a", 1, start_));  // while the first is being worked on
  EXPECT_FALSE(Begin("a", 2, start_));
  ASSERT_EQ(answers_.size(), 1);
  EXPECT_THAT(answers_[0], ReasonIs("REQUEST_ID_REUSED"));
  window_.Finish("a", start_, 7);
  ASSERT_EQ(answers_.size(), 2);
  EXPECT_EQ(*answers_[1], 7);
  EXPECT_FALSE(Begin("a", 1, start_ + absl::Seconds(9)));
  EXPECT_EQ(*answers_.back(), 7);
  EXPECT_FALSE(Begin("a", 3, start_ + absl::Seconds(9)));
  EXPECT_THAT(answers_.back(), ReasonIs("REQUEST_ID_REUSED"));
}

TEST_F(RequestWindowTest, AFailedRequestMayBeTriedAgain) {
  EXPECT_TRUE(Begin("a", 1, start_));
  EXPECT_FALSE(Begin("a", 1, start_));
  window_.Finish("a", start_, absl::AbortedError("no"));
  EXPECT_EQ(answers_.back().status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(window_.size(), 0);
  EXPECT_TRUE(Begin("a", 2, start_));
}

TEST_F(RequestWindowTest, ForgetsByCountAndByAge) {
  for (const char* id : {"a", "b", "c", "d"}) {
    EXPECT_TRUE(Begin(id, 1, start_));
    window_.Finish(id, start_, 1);
  }
  EXPECT_EQ(window_.size(), 3);
  EXPECT_TRUE(Begin("a", 1, start_));  // the oldest of four
  EXPECT_FALSE(Begin("b", 1, start_ + absl::Seconds(9)));
  EXPECT_TRUE(Begin("b", 1, start_ + absl::Seconds(10)));
  EXPECT_EQ(window_.size(), 2);  // "a" and "b", which are being worked on
}

TEST(SessionTableTest, ForgetsOnlyWhatWasIdleForLong) {
  SessionTable table(/*limit=*/2, /*retention=*/absl::Hours(1));
  const absl::Time start = absl::UnixEpoch();
  auto first = table.FindOrAdd("first", start);
  ASSERT_THAT(first, IsOk());
  (*first)->next_sequence = 9;
  ASSERT_THAT(table.FindOrAdd("second", start + absl::Minutes(30)), IsOk());
  EXPECT_THAT(table.FindOrAdd("third", start + absl::Minutes(59)), ReasonIs("TOO_MANY_SESSIONS"));
  EXPECT_EQ((*table.FindOrAdd("first", start))->next_sequence, 9);
  ASSERT_THAT(table.FindOrAdd("third", start + absl::Minutes(60)), IsOk());
  EXPECT_EQ(table.size(), 2);
  EXPECT_EQ((*table.FindOrAdd("second", start))->next_sequence, 1);
}

}  // namespace
}  // namespace descent::models
