#include "server/models/work/memory_budget.h"

#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;

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

}  // namespace
}  // namespace descent::models
