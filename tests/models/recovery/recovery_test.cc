// Models in a data directory: what was acknowledged is there again after the store was closed and
// opened, to the bit.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/models/recording_observer.h"
#include "tests/models/recovery/recovery_fixture.h"
#include "tests/models/sample_models.h"
#include "tests/support/status_matchers.h"

namespace descent::models {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::RandomMatrix;
using ::descent::testing::StatusIs;
using ::testing::_;
using ::testing::HasSubstr;

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
