// The bounds on what is held: work, memory, request ids and sessions.

#include <memory>
#include <string>
#include <vector>

#include "clock/steady.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/requests/request_window.h"
#include "server/models/work/memory_budget.h"
#include "server/models/work/work_quota.h"
#include "server/models/writing/session_table.h"
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

// Of which 150 are for what is small.
constexpr std::size_t kBudget = 2400;

TEST(MemoryBudgetTest, CountsUntilAChargeIsGone) {
  const auto budget = MemoryBudget::Create(kBudget);
  {
    auto charge = budget->Reserve(MemoryPurpose::kHeldWork, 1200);
    ASSERT_THAT(charge, IsOk());
    EXPECT_THAT(budget->Reserve(MemoryPurpose::kUnsent, 1051), ReasonIs("MEMORY_BUDGET"));
    EXPECT_THAT(charge->TryRaise(2251), ReasonIs("MEMORY_BUDGET"));
    EXPECT_THAT(charge->TryRaise(2250), IsOk());
    EXPECT_THAT(charge->TryRaise(20), IsOk());
    EXPECT_EQ(budget->used(), 2250);
    charge->Raise(3000);  // held already, so counted
    EXPECT_EQ(budget->used(), 3000);
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
  const auto budget = MemoryBudget::Create(kBudget);
  const auto models = budget->Reserve(MemoryPurpose::kModels, 1700);
  ASSERT_THAT(models, IsOk());
  EXPECT_THAT(budget->Reserve(MemoryPurpose::kAnswers, 101), ReasonIs("MEMORY_BUDGET"));
  EXPECT_THAT(budget->Reserve(MemoryPurpose::kReceived, 551), ReasonIs("MEMORY_BUDGET"));
  const auto received = budget->Reserve(MemoryPurpose::kReceived, 550);
  ASSERT_THAT(received, IsOk());
  // A refusal leaves nothing behind: neither in all that is used nor in what stands.
  EXPECT_THAT(budget->Reserve(MemoryPurpose::kSessions, 3), ReasonIs("MEMORY_BUDGET"));
  EXPECT_EQ(budget->used(), 2250);
  EXPECT_EQ(budget->used(MemoryPurpose::kSessions), 0);
}

TEST(MemoryBudgetTest, WhatIsLargeLeavesRoomForWhatIsSmall) {
  const auto budget = MemoryBudget::Create(kBudget);
  const auto large = budget->Reserve(MemoryPurpose::kReceived, 2250);
  ASSERT_THAT(large, IsOk());
  EXPECT_THAT(budget->Reserve(MemoryPurpose::kHeldWork, 3), ReasonIs("MEMORY_BUDGET"));
  std::vector<MemoryCharge> small;
  for (int i = 0; i < 75; ++i) {
    auto charge = budget->Reserve(MemoryPurpose::kHeldWork, 2);
    ASSERT_THAT(charge, IsOk()) << i;
    small.push_back(*std::move(charge));
  }
  EXPECT_THAT(budget->Reserve(MemoryPurpose::kHeldWork, 1), ReasonIs("MEMORY_BUDGET"));
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

TEST_F(RequestWindowTest, ForgetsLargeAnswersSoonerButNeverTheNewest) {
  const auto budget = MemoryBudget::Create(100'000);
  Window window(/*count=*/1000, /*age=*/absl::Hours(1), /*bytes=*/10'000,
                budget->Count(MemoryPurpose::kAnswers, 0));
  const auto begin = [&](const std::string& id) {
    return window.Begin({id, 1}, start_,
                        []() -> Window::OnRepeat { return [](const absl::StatusOr<int>&) {}; });
  };
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_TRUE(begin(id));
    window.Finish(id, start_, 1, /*bytes=*/4'500);
  }
  EXPECT_EQ(window.size(), 2);
  EXPECT_GT(budget->used(MemoryPurpose::kAnswers), 9'000);
  EXPECT_LT(budget->used(MemoryPurpose::kAnswers), 10'000);
  EXPECT_TRUE(begin("huge"));
  window.Finish("huge", start_, 1, /*bytes=*/50'000);
  EXPECT_EQ(window.size(), 1);
  EXPECT_FALSE(begin("huge"));
  EXPECT_GT(budget->used(), 50'000);
}

TEST_F(RequestWindowTest, ForgetsWhatTheBudgetHasNoRoomFor) {
  const auto budget = MemoryBudget::Create(20'000);
  Window window(/*count=*/1000, /*age=*/absl::Hours(1), /*bytes=*/1'000'000,
                budget->Count(MemoryPurpose::kAnswers, 0));
  for (int i = 0; i < 100; ++i) {
    const std::string id = std::to_string(i);
    EXPECT_TRUE(window.Begin(
        {id, 1}, start_, []() -> Window::OnRepeat { return [](const absl::StatusOr<int>&) {}; }));
    window.Finish(id, start_, 1, /*bytes=*/1'000);
    EXPECT_LE(budget->used(), budget->standing_limit());
  }
  EXPECT_GT(window.size(), 5);
}

class SessionTableTest : public ::testing::Test {
 protected:
  // A session whose stream has ended behind so many batches.
  void Leave(SessionTable& table, const std::string& id, std::int64_t applied, bool finished) {
    const auto session = table.FindOrAdd(id, now_);
    ASSERT_THAT(session, IsOk());
    (*session)->next_sequence = applied + 1;
    (*session)->last_used = now_;
    (*session)->finished = finished;
    now_ += absl::Seconds(1);
  }

  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(SessionTableTest, IdleSessionsMakeRoomThoseWithLeastToLoseFirst) {
  SessionTable table(/*limit=*/3, /*retention=*/absl::Hours(1));
  Leave(table, "broken", 5, /*finished=*/false);
  Leave(table, "finished", 5, /*finished=*/true);
  Leave(table, "empty", 0, /*finished=*/false);
  Leave(table, "a", 1, false);
  EXPECT_EQ(table.Find("empty"), nullptr);
  Leave(table, "b", 1, false);
  EXPECT_EQ(table.Find("finished"), nullptr);
  EXPECT_NE(table.Find("broken"), nullptr);
  Leave(table, "c", 1, false);
  EXPECT_EQ(table.Find("broken"), nullptr);
  EXPECT_EQ(table.size(), 3);
}

TEST_F(SessionTableTest, ComingBackToASessionThatMadeRoomIsRefusedNotBegunAnew) {
  SessionTable table(/*limit=*/2, /*retention=*/absl::Hours(1));
  Leave(table, "first", 8, false);
  Leave(table, "empty", 0, false);
  Leave(table, "third", 1, false);
  Leave(table, "fourth", 1, false);  // instead of the first
  EXPECT_THAT(table.FindOrAdd("first", now_), ReasonIs("SESSION_FORGOTTEN"));
  // Where nothing was applied, beginning anew loses nothing.
  EXPECT_THAT(table.FindOrAdd("empty", now_), IsOk());
  EXPECT_THAT(table.FindOrAdd("first", now_ + absl::Hours(2)), IsOk());
}

TEST_F(SessionTableTest, ThousandsOfShortSessionsRefuseNobody) {
  SessionTable table(/*limit=*/100, /*retention=*/absl::Hours(1));
  for (int i = 0; i < 5'000; ++i) Leave(table, "s" + std::to_string(i), 1, i % 2 == 0);
  EXPECT_EQ(table.size(), 100);
  EXPECT_THAT(table.FindOrAdd("honest", now_), IsOk());
}

TEST_F(SessionTableTest, CountsWhatSessionsTakeAndKeepsToTheBudget) {
  const auto budget = MemoryBudget::Create(20'000);
  SessionTable table(/*limit=*/4096, /*retention=*/absl::Hours(1),
                     budget->Count(MemoryPurpose::kSessions, 0));
  for (int i = 0; i < 500; ++i) {
    Leave(table, "a session of a rather long name " + std::to_string(i), 0, false);
    EXPECT_LE(budget->used(), budget->standing_limit());
  }
  EXPECT_GT(table.size(), 20);
}

}  // namespace
}  // namespace descent::models
