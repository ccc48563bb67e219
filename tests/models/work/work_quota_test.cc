#include "server/models/work/work_quota.h"

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clock/steady.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/work/memory_budget.h"
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

TEST(WorkQuotaTest, BoundsWhatTheNextWouldWaitByHowFastOthersEnded) {
  const auto quota = WorkQuota::Create(
      "tests", {1000, 1000, absl::Seconds(1), /*longest_wait=*/absl::Milliseconds(100)}, nullptr);
  std::vector<WorkTicket> held;
  for (int i = 0; i < 100; ++i) {
    auto ticket = quota->Admit(0);
    ASSERT_THAT(ticket, IsOk()) << "nothing is known of how long they take";
    held.push_back(*std::move(ticket));
  }
  // At least 10 milliseconds each: there are now more than can be waited for.
  for (int i = 0; i < 3; ++i) {
    absl::SleepFor(absl::Milliseconds(10));
    held.pop_back();
  }
  const auto refused = quota->Admit(0);
  EXPECT_THAT(refused, ReasonIs("QUEUE_FULL"));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted,
                                HasSubstr("100 milliseconds of waiting")));
  EXPECT_EQ(GetErrorDetails(refused.status()).retry_after, absl::Seconds(1));
  held.resize(3);
  EXPECT_THAT(quota->Admit(0), IsOk()) << "few are always admitted";
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
  EXPECT_FALSE(parent->AwaitIdle(SteadyNow() + absl::Milliseconds(1)));
  held->Release();
  EXPECT_TRUE(parent->AwaitIdle(SteadyNow()));
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

}  // namespace
}  // namespace descent::models
