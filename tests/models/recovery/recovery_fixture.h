// A registry over a store in a directory of its own, and what is done to its models.

#ifndef TESTS_MODELS_RECOVERY_RECOVERY_FIXTURE_H_
#define TESTS_MODELS_RECOVERY_RECOVERY_FIXTURE_H_

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "core/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/commands.h"
#include "server/models/registry/registry.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() {
    std::string pattern = ::testing::TempDir() + "descent_recovery_XXXXXX";
    DESCENT_CHECK(mkdtemp(pattern.data()) != nullptr);
    options_.directory = pattern;
    options_.build = "test";
    options_.instruction_set = "test";
    Open();
  }
  ~RecoveryTest() override {
    registry_.reset();
    std::filesystem::remove_all(options_.directory);
  }

  void Open() {
    auto store = store::OpenSqliteStore(options_);
    ASSERT_THAT(store, testing::IsOk());
    registry_ = std::make_unique<Registry>(ModelsOptions{}, *std::move(store));
    absl::Notification recovered;
    registry_->Recover([&](const RecoverySummary& summary) {
      summary_ = summary;
      recovered.Notify();
    });
    recovered.WaitForNotification();
  }

  void Reopen() {
    registry_.reset();
    Open();
  }

  std::shared_ptr<Model> Find(const std::string& name = "m") {
    auto model = registry_->Find(name);
    DESCENT_CHECK(model.ok());
    return *model;
  }

  std::shared_ptr<Model> Create(const std::string& name, Durability durability,
                                const std::string& request_id = "") {
    CreateModelCommand command = CreateCommand(name);
    command.settings.durability = durability;
    command.request = {request_id, 7};
    const auto info = Await<ModelInfo>([&](Reply<ModelInfo> reply) {
      registry_->Create(std::move(command), {}, std::move(reply));
    });
    EXPECT_THAT(info, testing::IsOk());
    return Find(name);
  }

  static void StepMany(Model& model, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t seed = first; seed <= last; ++seed) {
      ASSERT_THAT(Step(model, StepOn(*model.network(), seed)), testing::IsOk());
    }
  }

  static std::vector<std::uint64_t> Seeds(std::uint64_t last) {
    std::vector<std::uint64_t> seeds;
    for (std::uint64_t seed = 1; seed <= last; ++seed) seeds.push_back(seed);
    return seeds;
  }

  static absl::StatusOr<CheckpointOutcome> Checkpoint(Model& model, const std::string& id = "") {
    return Await<CheckpointOutcome>([&](Reply<CheckpointOutcome> reply) {
      model.CreateCheckpoint({.request = {id, 1}}, {}, std::move(reply));
    });
  }

  static std::vector<std::int64_t> ListedSteps(Model& model) {
    const auto outcome = Await<ListCheckpointsOutcome>([&](Reply<ListCheckpointsOutcome> reply) {
      model.ListCheckpoints({}, {}, std::move(reply));
    });
    EXPECT_THAT(outcome, testing::IsOk());
    std::vector<std::int64_t> steps;
    for (const CheckpointInfo& info : outcome->checkpoints) steps.push_back(info.step);
    return steps;
  }

  static absl::StatusOr<ModelInfo> Restore(Model& model, std::int64_t step,
                                           const std::string& id = "") {
    return Await<ModelInfo>([&](Reply<ModelInfo> reply) {
      RestoreCheckpointCommand command;
      command.step = step;
      command.request = {id, 2};
      model.RestoreCheckpoint(std::move(command), {}, std::move(reply));
    });
  }

  static absl::StatusOr<ModelInfo> SetDurability(Model& model, Durability durability) {
    return Await<ModelInfo>([&](Reply<ModelInfo> reply) {
      UpdateModelCommand command;
      command.durability = durability;
      model.Update(std::move(command), {}, std::move(reply));
    });
  }

  store::SqliteStoreOptions options_;
  std::unique_ptr<Registry> registry_;
  RecoverySummary summary_;
};

}  // namespace descent::models

#endif  // TESTS_MODELS_RECOVERY_RECOVERY_FIXTURE_H_
