// Models in a data directory: what was acknowledged is there again after the store was closed and
// opened, to the bit.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/models/recording_observer.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::RandomMatrix;
using ::descent::testing::StatusIs;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
    ASSERT_THAT(store, IsOk());
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
    EXPECT_THAT(info, IsOk());
    return Find(name);
  }

  static void StepMany(Model& model, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t seed = first; seed <= last; ++seed) {
      ASSERT_THAT(Step(model, StepOn(*model.network(), seed)), IsOk());
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
    EXPECT_THAT(outcome, IsOk());
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

TEST_F(RecoveryTest, StepsAreThereAgainToTheBit) {
  const auto model = Create("m", Durability::kJournal);
  const auto create_time = Info(*model)->create_time;
  StepMany(*model, 1, 20);
  const auto before = Predict(*model, RandomMatrix(DataType::kFloat32, 3, 5, 1));
  Reopen();
  EXPECT_EQ(summary_.recovered, 1);
  EXPECT_EQ(summary_.replayed, 20);
  const auto info = Info(*Find());
  EXPECT_EQ(info->step, 20);
  EXPECT_EQ(info->durable_step, 20);
  EXPECT_EQ(info->create_time, create_time);
  EXPECT_EQ(info->state_hash, HashAfter(SampleNetwork(), Seeds(20)));
  const auto after = Predict(*Find(), RandomMatrix(DataType::kFloat32, 3, 5, 1));
  EXPECT_EQ(after->step, 20);
  EXPECT_TRUE(SameBits(before->outputs, after->outputs));
  StepMany(*Find(), 21, 30);
  Reopen();
  EXPECT_EQ(Info(*Find())->state_hash, HashAfter(SampleNetwork(), Seeds(30)));
}

TEST_F(RecoveryTest, ARepeatAfterARestartGetsTheFirstAnswer) {
  const auto model = Create("m", Durability::kJournal, "create");
  StepCommand command = StepOn(*model->network(), 1);
  command.request = {"step", 1};
  const auto first = Step(*model, std::move(command));
  ASSERT_THAT(first, IsOk());
  // Behind a checkpoint the answer is in that, before one in the journal.
  for (const bool checkpointed : {false, true}) {
    if (checkpointed) {
      ASSERT_THAT(Checkpoint(*Find(), "checkpoint"), IsOk());
    }
    Reopen();
    StepCommand repeat = StepOn(*Find()->network(), 1);
    repeat.request = {"step", 1};
    const auto answer = Step(*Find(), std::move(repeat));
    ASSERT_THAT(answer, IsOk());
    EXPECT_TRUE(answer->replayed);
    EXPECT_EQ(answer->step, first->step);
    EXPECT_EQ(answer->loss, first->loss);
    EXPECT_EQ(answer->gradient_norm, first->gradient_norm);
    StepCommand other = StepOn(*Find()->network(), 2);
    other.request = {"step", 2};
    EXPECT_THAT(Step(*Find(), std::move(other)), StatusIs(absl::StatusCode::kAlreadyExists, _));
    EXPECT_EQ(Info(*Find())->step, 1);
  }
  const auto checkpoint = Checkpoint(*Find(), "checkpoint");
  ASSERT_THAT(checkpoint, IsOk());
  EXPECT_EQ(checkpoint->checkpoint.state_hash, Info(*Find())->state_hash);
  EXPECT_GT(checkpoint->checkpoint.size_bytes, 0);
  // The registry's own calls.
  CreateModelCommand again = CreateCommand("m");
  again.request = {"create", 7};
  const auto created = Await<ModelInfo>(
      [&](Reply<ModelInfo> reply) { registry_->Create(std::move(again), {}, std::move(reply)); });
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->step, 0);
  EXPECT_EQ(created->parameter_count, Find()->network()->layout().parameter_count());
}

TEST_F(RecoveryTest, ADeletedModelStaysDeletedAndSaysSoAgain) {
  Create("m", Durability::kJournal);
  for (int i = 0; i < 2; ++i) {
    const auto deleted = Await<DeleteModelOutcome>([&](Reply<DeleteModelOutcome> reply) {
      registry_->Delete({.name = "m", .request = {"delete", 3}}, {}, std::move(reply));
    });
    EXPECT_THAT(deleted, IsOk()) << i;
    Reopen();
    EXPECT_THAT(registry_->Find("m"), StatusIs(absl::StatusCode::kNotFound, _));
  }
}

TEST_F(RecoveryTest, ASessionGoesOnWhereItWas) {
  const auto model = Create("m", Durability::kJournal);
  const auto train = [&](std::int64_t first, std::int64_t last) {
    const auto observer = std::make_shared<RecordingObserver>();
    const auto session = *Find()->AttachSession({.session_id = "s"}, observer);
    EXPECT_EQ(observer->AwaitReady().next_sequence, first);
    for (std::int64_t sequence = first; sequence <= last; ++sequence) {
      ASSERT_TRUE(observer->AwaitCapacity());
      const auto seed = static_cast<std::uint64_t>(sequence);
      observer->SetCapacity(session->Submit({.sequence = sequence,
                                             .batch = SampleBatch(*Find()->network(), seed),
                                             .learning_rate = {}}));
    }
    session->HalfClose();
    EXPECT_THAT(observer->AwaitFinished(), IsOk());
    EXPECT_EQ(observer->acks().back().durable_sequence, last);
  };
  train(1, 5);
  Reopen();
  train(6, 9);
  ASSERT_THAT(Checkpoint(*Find()), IsOk());
  Reopen();
  EXPECT_EQ(summary_.replayed, 0);
  train(10, 12);
  EXPECT_EQ(Info(*Find())->state_hash, HashAfter(SampleNetwork(), Seeds(12)));
}

TEST_F(RecoveryTest, SettingsAndParametersAreThereAgain) {
  const auto model = Create("m", Durability::kJournal);
  StepMany(*model, 1, 3);
  UpdateModelCommand update;
  update.optimizer = SampleOptimizer();
  update.optimizer->algorithm = SgdOptions{.momentum = 0.9};
  update.labels = std::map<std::string, std::string>{{"team", "prices"}};
  ASSERT_THAT(Await<ModelInfo>([&](Reply<ModelInfo> reply) {
                model->Update(std::move(update), {}, std::move(reply));
              }),
              IsOk());
  StepMany(*model, 4, 6);
  SetParametersCommand set;
  set.parameters = {0};
  set.values = Buffer(DataType::kFloat32, model->network()->layout().size());
  ASSERT_THAT(Await<SetParametersOutcome>([&](Reply<SetParametersOutcome> reply) {
                model->SetParameters(std::move(set), {}, std::move(reply));
              }),
              IsOk());
  StepMany(*model, 7, 8);
  const auto before = Info(*model);
  Reopen();
  const auto after = Info(*Find());
  EXPECT_EQ(after->step, 9);
  EXPECT_EQ(after->state_hash, before->state_hash);
  EXPECT_EQ(after->settings.labels, before->settings.labels);
  EXPECT_EQ(after->last_loss, before->last_loss);
  EXPECT_EQ(std::get<SgdOptions>(after->settings.optimizer.algorithm).momentum, 0.9);
}

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

// What is said of a model's recovery.
class Recorder final : public RecoveryObserver {
 public:
  void OnProgress(const std::string& /*model*/, std::int64_t /*replayed*/,
                  std::int64_t /*remaining_bytes*/) override {}
  void OnModel(const std::string& /*model*/, const absl::Status& model_status,
               const Replayed& model_replayed, absl::Duration /*duration*/) override {
    status = model_status;
    replayed = model_replayed;
  }

  absl::Status status;
  Replayed replayed;
};

// A journal with a hash that applying it does not give, as damage that only arithmetic shows.
class WrongHashTest : public RecoveryTest {
 protected:
  WrongHashTest() {
    options_.instruction_set = "x86-64";
    Reopen();
    const auto model = Create("m", Durability::kJournal);
    StepMany(*model, 1, 5);
    store::UpdateRecord record;
    record.update = store::BatchUpdate{SampleBatch(*model->network(), 6), std::nullopt};
    record.time = absl::Now();
    record.result.step = 6;
    record.state_hash = HashAfter(SampleNetwork(), Seeds(6)) ^ 1;
    registry_.reset();
    Append(std::move(record));
    options_.instruction_set = "aarch64";
  }

  void Append(store::UpdateRecord record) {
    auto store = store::OpenSqliteStore(options_);
    ASSERT_THAT(store, IsOk());
    const auto stored = (*store)->TakeStoredModels();
    ASSERT_THAT(stored[0]->Base(), IsOk());
    while (!stored[0]->NextRecords()->empty()) continue;
    absl::Notification kept;
    const auto journal = stored[0]->TakeJournal();
    journal->Append(std::move(record), nullptr,
                    [&](const absl::StatusOr<std::int64_t>& /*step*/) { kept.Notify(); });
    kept.WaitForNotification();
  }

  void Recover() {
    auto store = store::OpenSqliteStore(options_);
    ASSERT_THAT(store, IsOk());
    registry_ = std::make_unique<Registry>(ModelsOptions{}, *std::move(store));
    absl::Notification recovered;
    registry_->Recover([&](const RecoverySummary& /*summary*/) { recovered.Notify(); }, &recorder_);
    recovered.WaitForNotification();
  }

  Recorder recorder_;
};

TEST_F(WrongHashTest, IsNoticedOnAnotherInstructionSet) {
  Recover();
  EXPECT_THAT(recorder_.status,
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("the state at step 6 is not the one whose hash was recorded")));
}

TEST_F(WrongHashTest, ByAnotherEngineVersionIsAppliedAndSaid) {
  ++options_.engine_version;
  Recover();
  EXPECT_THAT(recorder_.status, IsOk());
  EXPECT_EQ(recorder_.replayed.updates, 6);
  EXPECT_EQ(recorder_.replayed.of_other_engines, 6);
  EXPECT_EQ(recorder_.replayed.compared_hashes, 0);
  EXPECT_EQ(Info(*Find())->state_hash, HashAfter(SampleNetwork(), Seeds(6)));
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

TEST_F(RecoveryTest, ManyModelsComeBackEachAsItWas) {
  for (int i = 0; i < 20; ++i) {
    StepMany(*Create("m" + std::to_string(i), Durability::kJournal), 1,
             static_cast<std::uint64_t>(i) + 1);
  }
  Reopen();
  EXPECT_EQ(summary_.recovered, 20);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Info(*Find("m" + std::to_string(i)))->state_hash,
              HashAfter(SampleNetwork(), Seeds(static_cast<std::uint64_t>(i) + 1)));
  }
}

TEST_F(RecoveryTest, ABackupIsAStore) {
  const auto model = Create("m", Durability::kJournal);
  StepMany(*model, 1, 5);
  const auto backup =
      Await<std::shared_ptr<BackupReading>>([&](Reply<std::shared_ptr<BackupReading>> reply) {
        registry_->MakeBackup({}, std::move(reply));
      });
  ASSERT_THAT(backup, IsOk());
  StepMany(*model, 6, 7);
  std::string bytes;
  for (;;) {
    const auto chunk = Await<std::string>(
        [&](Reply<std::string> reply) { (*backup)->Next(100'000, std::move(reply)); });
    ASSERT_THAT(chunk, IsOk());
    if (chunk->empty()) break;
    bytes += *chunk;
  }
  EXPECT_EQ((*backup)->size_bytes(), static_cast<std::int64_t>(bytes.size()));
}

TEST_F(RecoveryTest, OneStoreADirectory) {
  const auto second = store::OpenSqliteStore(options_);
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("in use")));
}

}  // namespace
}  // namespace descent::models
