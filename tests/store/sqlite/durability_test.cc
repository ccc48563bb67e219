// What each durability keeps, and what changing it does.

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/live_model.h"
#include "tests/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DurabilityTest : public StoreFixture {
 protected:
  DurabilityTest() { Open(); }

  static ModelSettings With(ModelSettings settings, Durability durability) {
    settings.durability = durability;
    return settings;
  }

  static std::int64_t Sync(LiveModel& model) {
    const auto step =
        Await<std::int64_t>([&](OnStored done) { model.journal().Sync(std::move(done)); });
    EXPECT_THAT(step, IsOk());
    return step.value_or(-1);
  }
};

TEST_F(DurabilityTest, CheckpointKeepsWhatTheLastCheckpointHolds) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a", Durability::kCheckpoint));
  EXPECT_THAT(*model->StepNow(1), Eq(0));
  EXPECT_THAT(*model->StepNow(2), Eq(0));
  const ModelState saved = model->State();
  EXPECT_THAT(model->SaveNow(false), IsOk());
  EXPECT_THAT(Sync(*model), Eq(2));
  EXPECT_THAT(*model->StepNow(3), Eq(2));
  EXPECT_THAT(RecoveredState(std::move(model)), Eq(saved));
}

TEST_F(DurabilityTest, CheckpointWithoutOneGoesBackToTheBeginning) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a", Durability::kCheckpoint));
  const ModelState initial = model->State();
  EXPECT_THAT(model->StepNow(1), IsOk());
  EXPECT_THAT(RecoveredState(std::move(model)), Eq(initial));
}

TEST_F(DurabilityTest, CheckpointDeletesItsCheckpointsForGood) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a", Durability::kCheckpoint));
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    EXPECT_THAT(model->StepNow(seed), IsOk());
    EXPECT_THAT(model->SaveNow(true), IsOk());
  }
  EXPECT_THAT(
      Await<std::int64_t>([&](OnStored done) { model->DeleteCheckpoint(1, std::move(done)); }),
      IsOk());
  model = nullptr;
  auto models = Reopen();
  EXPECT_THAT(*models.at(0)->ListNow(), SizeIs(1));
  EXPECT_THAT(models.at(0)->LoadNow(1), ReasonIs("CHECKPOINT_NOT_FOUND"));
}

TEST_F(DurabilityTest, MemoryKeepsNothing) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a", Durability::kMemory));
  EXPECT_THAT(*model->StepNow(1), Eq(1));
  EXPECT_FALSE(model->journal().WantsCheckpoint());
  // A checkpoint lives as long as the model: until the server ends.
  EXPECT_THAT(model->SaveNow(true), IsOk());
  EXPECT_THAT(*model->StepNow(2), Eq(2));
  EXPECT_THAT(Sync(*model), Eq(2));
  EXPECT_THAT(*model->ListNow(), SizeIs(1));
  EXPECT_THAT(model->RestoreNow(1), IsOk());
  model = nullptr;
  EXPECT_THAT(Reopen(), IsEmpty());
  store_ = nullptr;
  Open();
  store_ = nullptr;
  EXPECT_THAT(Query("SELECT count(*) FROM checkpoints"), Eq(0));
  EXPECT_THAT(Query("SELECT count(*) FROM checkpoint_pieces"), Eq(0));
}

TEST_F(DurabilityTest, MemoryIsRemovedWithItsCheckpoints) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a", Durability::kMemory));
  EXPECT_THAT(model->SaveNow(true), IsOk());
  EXPECT_THAT(Await<std::int64_t>([&](OnStored done) {
                model->journal().Remove(AnsweredRequest{"r", 1}, std::move(done));
              }),
              IsOk());
  EXPECT_THAT(*store_->RegistryAnswers(), IsEmpty());
  model = Create(SampleSettings("a"));
  model = nullptr;
  Open();
  store_ = nullptr;
  EXPECT_THAT(Query("SELECT count(*) FROM checkpoint_pieces"), Eq(0));
}

TEST_F(DurabilityTest, LoweringToCheckpointKeepsWhatCameBefore) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(*model->StepNow(1), Eq(1));
  EXPECT_THAT(*model->ChangeSettingsNow(With(model->settings(), Durability::kCheckpoint)), Eq(1));
  const ModelState lowered = model->State();
  EXPECT_THAT(*model->StepNow(2), Eq(1));
  model = nullptr;
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_THAT(models[0]->State(), Eq(lowered));
  EXPECT_THAT(*models[0]->StepNow(2), Eq(1));
  EXPECT_THAT(models[0]->SaveNow(false), IsOk());
  EXPECT_THAT(*models[0]->StepNow(3), Eq(2));
}

TEST_F(DurabilityTest, LoweringToMemoryRemovesTheModel) {
  for (const Durability durability : {Durability::kJournal, Durability::kCheckpoint}) {
    std::unique_ptr<LiveModel> model = Create(SampleSettings("a", durability));
    EXPECT_THAT(model->StepNow(1), IsOk());
    EXPECT_THAT(model->SaveNow(true), IsOk());
    EXPECT_THAT(model->ChangeSettingsNow(With(model->settings(), Durability::kMemory)), IsOk());
    EXPECT_THAT(*model->StepNow(2), Eq(2));
    EXPECT_THAT(*model->ListNow(), IsEmpty());
    model = nullptr;
    EXPECT_THAT(Reopen(), IsEmpty());
  }
  Open();
  store_ = nullptr;
  EXPECT_THAT(Query("SELECT count(*) FROM journal"), Eq(0));
  EXPECT_THAT(Query("SELECT count(*) FROM checkpoint_pieces"), Eq(0));
}

TEST_F(DurabilityTest, RaisingKeepsFromTheCheckpointOn) {
  for (const Durability lower : {Durability::kCheckpoint, Durability::kMemory}) {
    SCOPED_TRACE(static_cast<int>(lower));
    const std::string name = lower == Durability::kMemory ? "memory" : "checkpoint";
    std::unique_ptr<LiveModel> model = Create(SampleSettings(name, lower));
    EXPECT_THAT(model->StepNow(1), IsOk());
    EXPECT_THAT(model->ChangeSettingsNow(With(model->settings(), Durability::kJournal)), IsOk());
    EXPECT_THAT(model->SaveNow(false), IsOk());
    EXPECT_THAT(*model->StepNow(2), Eq(2));
    EXPECT_THAT(*model->StepNow(3), Eq(3));
    const ModelState before = model->State();
    EXPECT_THAT(RecoveredState(std::move(model)), Eq(before));
  }
}

// The checkpoint that raises is of the same position as what came before: nothing was appended.
TEST_F(DurabilityTest, RaisingKeepsAModelThatWasNeverUpdated) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("fresh", Durability::kMemory));
  ModelImage image = model->Image();
  image.settings.durability = Durability::kJournal;
  EXPECT_THAT(Await<CheckpointInfo>([&](OnSaved done) {
                model->journal().SaveCheckpoint(std::move(image), false, std::move(done));
              }),
              IsOk());
  EXPECT_THAT(*model->StepNow(1), Eq(1));
  model = nullptr;
  EXPECT_THAT(Reopen(), SizeIs(1));
}

TEST_F(DurabilityTest, RaisingKeepsAModelThatWasLoweredJustBefore) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("lowered"));
  EXPECT_THAT(*model->StepNow(1), Eq(1));
  EXPECT_THAT(model->ChangeSettingsNow(With(model->settings(), Durability::kMemory)), IsOk());
  ModelImage image = model->Image();
  image.settings.durability = Durability::kJournal;
  EXPECT_THAT(Await<CheckpointInfo>([&](OnSaved done) {
                model->journal().SaveCheckpoint(std::move(image), false, std::move(done));
              }),
              IsOk());
  model = nullptr;
  EXPECT_THAT(Reopen(), SizeIs(1));
}

// Until the checkpoint is whole, what is appended after it can't be recovered, and is not said
// to be durable.
TEST_F(DurabilityTest, RaisingPromisesNothingBeforeTheCheckpointIsWhole) {
  std::unique_ptr<LiveModel> model =
      Create(SampleSettings("a", Durability::kCheckpoint, {1100, 1000, 2}));
  EXPECT_THAT(model->StepNow(1), IsOk());
  EXPECT_THAT(model->ChangeSettingsNow(With(model->settings(), Durability::kJournal)), IsOk());
  std::vector<std::string> events;  // callbacks come from one thread
  absl::Notification saved;
  model->journal().SaveCheckpoint(model->Image(), false,
                                  [&](const absl::StatusOr<CheckpointInfo>& info) {
                                    EXPECT_THAT(info, IsOk());
                                    events.push_back("saved");
                                    saved.Notify();
                                  });
  // An update that takes no computing, which might last longer than the saving.
  ModelSettings changed = model->settings();
  changed.optimizer.learning_rate /= 2;
  model->ChangeSettings(changed, [&](const absl::StatusOr<std::int64_t>& step) {
    EXPECT_THAT(*step, Eq(0));
    events.push_back("changed");
  });
  saved.WaitForNotification();
  EXPECT_THAT(events, ::testing::ElementsAre("changed", "saved"));
  EXPECT_THAT(Sync(*model), Eq(1));
  const ModelState before = model->State();
  EXPECT_THAT(RecoveredState(std::move(model)), Eq(before));
}

// A lowering that follows a raising at once, while the checkpoint of that is being written.
TEST_F(DurabilityTest, LoweringAgainWhileRaisingKeepsNoHalves) {
  std::unique_ptr<LiveModel> model =
      Create(SampleSettings("a", Durability::kCheckpoint, {1100, 1000, 2}));
  const auto ignore = [](const absl::StatusOr<std::int64_t>& step) { EXPECT_THAT(step, IsOk()); };
  EXPECT_THAT(model->StepNow(1), IsOk());
  model->ChangeSettings(With(model->settings(), Durability::kJournal), ignore);
  model->journal().SaveCheckpoint(
      model->Image(), false,
      [](const absl::StatusOr<CheckpointInfo>& saved) { EXPECT_THAT(saved, IsOk()); });
  model->Step(2, ignore);
  model->ChangeSettings(With(model->settings(), Durability::kCheckpoint), ignore);
  const ModelState lowered = model->State();
  model->Step(3, ignore);
  EXPECT_THAT(RecoveredState(std::move(model)), Eq(lowered));
}

TEST_F(DurabilityTest, MemoryAgainWhileRaisingLeavesNothing) {
  std::unique_ptr<LiveModel> model =
      Create(SampleSettings("a", Durability::kMemory, {1100, 1000, 2}));
  const auto ignore = [](const absl::StatusOr<std::int64_t>& step) { EXPECT_THAT(step, IsOk()); };
  model->Step(1, ignore);
  model->ChangeSettings(With(model->settings(), Durability::kJournal), ignore);
  model->journal().SaveCheckpoint(
      model->Image(), false,
      [](const absl::StatusOr<CheckpointInfo>& saved) { EXPECT_THAT(saved, IsOk()); });
  model->Step(2, ignore);
  model->ChangeSettings(With(model->settings(), Durability::kMemory), ignore);
  model->Step(3, ignore);
  EXPECT_THAT(Sync(*model), Eq(3));
  model = nullptr;
  EXPECT_THAT(Reopen(), IsEmpty());
}

}  // namespace
}  // namespace descent::store
