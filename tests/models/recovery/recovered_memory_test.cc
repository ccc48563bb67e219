// What a recovered model is counted against the memory budget.

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/models/recovery/recovery_fixture.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;

// Memory is counted alike for a model that was trained here and for one that was applied again.
class RecoveredMemoryTest : public RecoveryTest {
 protected:
  static constexpr std::int64_t kWidth = 300;

  std::shared_ptr<Model> CreateWithSgd() {
    CreateModelCommand command = CreateCommand("m", SampleNetwork({kWidth, kWidth, 2}));
    command.settings.durability = Durability::kJournal;
    command.settings.optimizer.algorithm = SgdOptions{};
    EXPECT_THAT(Await<ModelInfo>([&](Reply<ModelInfo> reply) {
                  registry_->Create(std::move(command), {}, std::move(reply));
                }),
                IsOk());
    return Find();
  }

  static void ChangeOptimizer(Model& model, decltype(OptimizerSpec::algorithm) algorithm) {
    ASSERT_THAT(Await<ModelInfo>([&](Reply<ModelInfo> reply) {
                  UpdateModelCommand command;
                  command.optimizer = SampleOptimizer();
                  command.optimizer->algorithm = std::move(algorithm);
                  model.Update(std::move(command), {}, std::move(reply));
                }),
                IsOk());
  }

  std::size_t Used(MemoryPurpose purpose) const { return registry_->memory()->used(purpose); }
};

TEST_F(RecoveredMemoryTest, AChangeOfOptimizerRaisesItAsItDidLive) {
  const auto model = CreateWithSgd();
  const std::size_t with_sgd = Used(MemoryPurpose::kModels);
  ChangeOptimizer(*model, AdamOptions{});
  StepMany(*model, 1, 3);
  const std::size_t live = Used(MemoryPurpose::kModels);
  ASSERT_GE(live, with_sgd + 2 * kWidth * kWidth * sizeof(float)) << "Adam has two slots";
  Reopen();
  ASSERT_EQ(summary_.replayed, 4);
  EXPECT_EQ(Used(MemoryPurpose::kModels), live);
}

TEST_F(RecoveredMemoryTest, SoDoesGoingBackToACheckpointWithAnotherOptimizer) {
  const auto model = CreateWithSgd();
  ChangeOptimizer(*model, AdamOptions{});
  ASSERT_THAT(Checkpoint(*model), IsOk());
  StepMany(*model, 1, 2);
  ChangeOptimizer(*model, SgdOptions{});
  ASSERT_THAT(Checkpoint(*model), IsOk());  // what recovery begins from
  ASSERT_THAT(Restore(*model, 0), IsOk());
  StepMany(*model, 3, 3);
  const std::size_t live = Used(MemoryPurpose::kModels);
  Reopen();
  ASSERT_EQ(summary_.replayed, 2);
  EXPECT_EQ(Used(MemoryPurpose::kModels), live);
}

TEST_F(RecoveredMemoryTest, TheWorkspaceThatIsKeptIsCounted) {
  const auto model = CreateWithSgd();
  ASSERT_THAT(Step(*model, StepOn(*model->network(), 1, /*rows=*/64)), IsOk());
  Reopen();
  EXPECT_GE(Used(MemoryPurpose::kWorkspaces), 64 * kWidth * sizeof(float));
}

// What it takes to apply again was there when it was applied first; a model is not given up for a
// budget that others use at the moment.
TEST_F(RecoveredMemoryTest, WhatComputingTakesIsNotRefusedWhileUpdatesAreAppliedAgain) {
  const auto model = CreateWithSgd();
  constexpr std::int64_t kRows = 4096;
  ASSERT_THAT(Step(*model, StepOn(*model->network(), 1, kRows)), IsOk());
  registry_.reset();
  auto store = store::OpenSqliteStore(options_);
  ASSERT_THAT(store, IsOk());
  ModelsOptions options;
  options.memory_budget_bytes = kRows * kWidth * sizeof(float);  // less than a pass of it takes
  registry_ = std::make_unique<Registry>(options, *std::move(store));
  absl::Notification recovered;
  registry_->Recover([&](const RecoverySummary& summary) {
    summary_ = summary;
    recovered.Notify();
  });
  recovered.WaitForNotification();
  EXPECT_EQ(summary_.recovered, 1);
  EXPECT_EQ(summary_.quarantined, 0);
}

}  // namespace
}  // namespace descent::models
