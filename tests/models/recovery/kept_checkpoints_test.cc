// What a restart finds of checkpoints, and of models whose durability is more or less than the
// journal.

#include <cstdint>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/recovery/recovery_fixture.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::RandomMatrix;
using ::descent::testing::StatusIs;
using ::testing::_;
using ::testing::ElementsAre;

TEST_F(RecoveryTest, ACheckpointBringsTheModelBackStepIncluded) {
  auto model = Create("m", Durability::kJournal);
  StepMany(*model, 1, 5);
  const auto saved = Checkpoint(*model);
  ASSERT_THAT(saved, IsOk());
  EXPECT_EQ(saved->checkpoint.step, 5);
  StepMany(*model, 6, 9);
  ASSERT_THAT(Checkpoint(*model), IsOk());
  EXPECT_THAT(ListedSteps(*model), ElementsAre(9, 5));
  const auto restored = Restore(*model, 5, "restore");
  ASSERT_THAT(restored, IsOk());
  EXPECT_EQ(restored->step, 5);
  EXPECT_EQ(restored->state_hash, HashAfter(SampleNetwork(), Seeds(5)));
  EXPECT_EQ(Predict(*model, RandomMatrix(DataType::kFloat32, 1, 5, 1))->step, 5);
  StepMany(*model, 6, 7);
  model.reset();
  Reopen();
  EXPECT_EQ(Info(*Find())->step, 7);
  EXPECT_EQ(Info(*Find())->state_hash, HashAfter(SampleNetwork(), Seeds(7)));
  EXPECT_EQ(Restore(*Find(), 5, "restore")->step, 5);
  EXPECT_EQ(Info(*Find())->step, 7);  // a repeat changes nothing
  EXPECT_THAT(Restore(*Find(), 8), StatusIs(absl::StatusCode::kNotFound, _));
}

TEST_F(RecoveryTest, ADeletedCheckpointIsNotListedAndTheModelLivesOn) {
  const auto model = Create("m", Durability::kJournal);
  StepMany(*model, 1, 4);
  ASSERT_THAT(Checkpoint(*model), IsOk());
  const auto remove = [&](std::int64_t step) {
    return Await<DeleteCheckpointOutcome>([&](Reply<DeleteCheckpointOutcome> reply) {
      Find()->DeleteCheckpoint({.step = step, .request = {}}, {}, std::move(reply));
    });
  };
  EXPECT_THAT(remove(4), IsOk());
  EXPECT_THAT(ListedSteps(*model), ElementsAre());
  EXPECT_THAT(remove(4), StatusIs(absl::StatusCode::kNotFound, _));
  Reopen();
  EXPECT_THAT(ListedSteps(*Find()), ElementsAre());
  EXPECT_EQ(Info(*Find())->state_hash, HashAfter(SampleNetwork(), Seeds(4)));
}

TEST_F(RecoveryTest, MemoryIsGoneAndADrainSavesWhatLastsByCheckpoints) {
  Create("memory", Durability::kMemory);
  const auto checkpoint = Create("checkpoint", Durability::kCheckpoint);
  StepMany(*Find("memory"), 1, 3);
  StepMany(*checkpoint, 1, 3);
  EXPECT_EQ(Info(*checkpoint)->durable_step, 0);
  Reopen();
  EXPECT_THAT(registry_->Find("memory"), StatusIs(absl::StatusCode::kNotFound, _));
  EXPECT_EQ(Info(*Find("checkpoint"))->step, 3);
  EXPECT_EQ(Info(*Find("checkpoint"))->durable_step, 3);
  EXPECT_EQ(Info(*Find("checkpoint"))->state_hash, HashAfter(SampleNetwork(), Seeds(3)));
}

TEST_F(RecoveryTest, ADurabilityCanBeRaisedAndLowered) {
  auto model = Create("m", Durability::kMemory);
  StepMany(*model, 1, 3);
  ASSERT_THAT(SetDurability(*model, Durability::kJournal), IsOk());
  StepMany(*model, 4, 6);
  model.reset();
  Reopen();
  EXPECT_EQ(Info(*Find())->state_hash, HashAfter(SampleNetwork(), Seeds(6)));
  ASSERT_THAT(SetDurability(*Find(), Durability::kCheckpoint), IsOk());
  StepMany(*Find(), 7, 8);
  ASSERT_THAT(SetDurability(*Find(), Durability::kJournal), IsOk());
  StepMany(*Find(), 9, 10);
  Reopen();
  EXPECT_EQ(Info(*Find())->step, 10);
  EXPECT_EQ(Info(*Find())->state_hash, HashAfter(SampleNetwork(), Seeds(10)));
  ASSERT_THAT(SetDurability(*Find(), Durability::kMemory), IsOk());
  StepMany(*Find(), 11, 12);
  Reopen();
  EXPECT_THAT(registry_->Find("m"), StatusIs(absl::StatusCode::kNotFound, _));
}

TEST_F(RecoveryTest, CheckpointsComeByThemselvesAndBoundTheJournal) {
  options_.checkpoint_journal_bytes = 4096;
  Reopen();
  const auto model = Create("m", Durability::kJournal);
  StepMany(*model, 1, 200);
  EXPECT_FALSE(ListedSteps(*model).empty());
  EXPECT_LE(ListedSteps(*model).size(), 2);
  Reopen();
  EXPECT_LT(summary_.replayed, 150);
  EXPECT_EQ(Info(*Find())->state_hash, HashAfter(SampleNetwork(), Seeds(200)));
}

}  // namespace
}  // namespace descent::models
