// Checkpoints: when they are asked for, what they make superfluous, which are kept.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/retention.h"
#include "tests/store/live_model.h"
#include "tests/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

class CheckpointTest : public StoreFixture {
 protected:
  CheckpointTest() { Open(); }

  static std::vector<std::int64_t> Listed(LiveModel& model) {
    const auto listed = model.ListNow();
    EXPECT_THAT(listed, IsOk());
    std::vector<std::int64_t> steps;
    for (const CheckpointInfo& info : *listed) steps.push_back(info.step);
    return steps;
  }

  static void Delete(LiveModel& model, std::int64_t step) {
    EXPECT_THAT(
        Await<std::int64_t>([&](OnStored done) { model.DeleteCheckpoint(step, std::move(done)); }),
        IsOk());
  }
};

TEST_F(CheckpointTest, SaysWhatItHolds) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  const auto saved = model->SaveNow(true);
  ASSERT_THAT(saved, IsOk());
  EXPECT_THAT(saved->step, Eq(1));
  EXPECT_THAT(saved->state_hash, Eq(model->State().hash));
  EXPECT_THAT(saved->size_bytes, Gt(0));
  EXPECT_THAT(absl::Now() - saved->create_time, Le(absl::Minutes(1)));
  for (int opened = 0; opened < 2; ++opened) {
    const auto listed = model->ListNow();
    ASSERT_THAT(listed, IsOk());
    ASSERT_THAT(*listed, SizeIs(1));
    EXPECT_THAT((*listed)[0].step, Eq(saved->step));
    EXPECT_THAT((*listed)[0].state_hash, Eq(saved->state_hash));
    EXPECT_THAT((*listed)[0].size_bytes, Eq(saved->size_bytes));
    EXPECT_THAT((*listed)[0].create_time, Eq(saved->create_time));
    model = nullptr;
    auto models = Reopen();
    model = std::move(models.at(0));
  }
}

TEST_F(CheckpointTest, IsLoadedAsItWasSaved) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  const ModelState then = model->State();
  EXPECT_THAT(model->SaveNow(true), IsOk());
  EXPECT_THAT(model->StepNow(2), IsOk());
  auto loaded = model->LoadNow(1);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_THAT(LiveModel(std::move(loaded->image)).State(), Eq(then));
  EXPECT_THAT(model->LoadNow(2), ReasonIs("CHECKPOINT_NOT_FOUND"));
}

// Larger than a piece, and cut where no number ends a piece.
TEST_F(CheckpointTest, OfALargeModelIsWrittenInPiecesBesideCommits) {
  std::unique_ptr<LiveModel> model =
      Create(SampleSettings("large", Durability::kJournal, {1100, 1000, 2}));
  std::unique_ptr<LiveModel> other = Create(SampleSettings("small"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  std::vector<std::string> events;  // callbacks come from one thread
  absl::Notification saved;
  model->journal().SaveCheckpoint(model->Image(), false,
                                  [&](const absl::StatusOr<CheckpointInfo>& info) {
                                    EXPECT_THAT(info, IsOk());
                                    events.push_back("saved");
                                    saved.Notify();
                                  });
  // Updates that take no computing, which might last longer than the saving.
  for (LiveModel* each : {other.get(), model.get()}) {
    each->ChangeSettings(each->settings(), [&, each](const absl::StatusOr<std::int64_t>& step) {
      EXPECT_THAT(step, IsOk());
      events.push_back(each->settings().name);
    });
  }
  saved.WaitForNotification();
  EXPECT_THAT(events, ElementsAre("small", "large", "saved"));
  EXPECT_THAT(model->LoadNow(1), IsOk());
  const ModelState before = model->State();
  other = nullptr;
  EXPECT_THAT(RecoveredState(std::move(model)), Eq(before));
  store_ = nullptr;
  EXPECT_THAT(Query("SELECT count(*) FROM checkpoint_pieces"), Gt(4));
}

TEST_F(CheckpointTest, TakesTheJournalBeforeItAway) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  for (std::uint64_t seed = 1; seed <= 50; ++seed) EXPECT_THAT(model->StepNow(seed), IsOk());
  EXPECT_THAT(model->SaveNow(false), IsOk());
  for (std::uint64_t seed = 1; seed <= 3; ++seed) EXPECT_THAT(model->StepNow(seed), IsOk());
  const ModelState before = model->State();
  EXPECT_THAT(RecoveredState(std::move(model)), Eq(before));
  store_ = nullptr;
  EXPECT_THAT(Query("SELECT count(*) FROM journal"), Eq(3));
  EXPECT_THAT(Query("SELECT sum(last_position - first_position + 1) FROM journal"), Eq(3));
}

// A row of the journal may begin before the checkpoint and end after it.
TEST_F(CheckpointTest, InTheMiddleOfACommitCutsTheRow) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  const auto ignore = [](const absl::StatusOr<std::int64_t>& step) { EXPECT_THAT(step, IsOk()); };
  for (int round = 0; round < 20; ++round) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) model->Step(seed, ignore);
    model->journal().SaveCheckpoint(
        model->Image(), false,
        [](const absl::StatusOr<CheckpointInfo>& saved) { EXPECT_THAT(saved, IsOk()); });
    for (std::uint64_t seed = 1; seed <= 20; ++seed) model->Step(seed, ignore);
  }
  const ModelState before = model->State();
  EXPECT_THAT(RecoveredState(std::move(model)), Eq(before));
}

TEST_F(CheckpointTest, OnesThatNobodyAskedForAreKeptUpToTheOption) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    EXPECT_THAT(model->StepNow(seed), IsOk());
    EXPECT_THAT(model->SaveNow(/*requested=*/seed == 2 || seed == 3), IsOk());
  }
  EXPECT_THAT(Listed(*model), ElementsAre(6, 5, 3, 2));
  EXPECT_THAT(model->LoadNow(4), ReasonIs("CHECKPOINT_NOT_FOUND"));
  EXPECT_THAT(model->LoadNow(3), IsOk());
  RecoveredState(std::move(model));
  store_ = nullptr;
  EXPECT_THAT(Query("SELECT count(*) FROM checkpoints"), Eq(4));
  EXPECT_THAT(Query("SELECT count(DISTINCT checkpoint_id) FROM checkpoint_pieces"), Eq(4));
}

TEST_F(CheckpointTest, OfTheSameStepTakesTheOthersPlace) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  EXPECT_THAT(model->SaveNow(true), IsOk());
  ModelSettings settings = model->settings();
  settings.optimizer.learning_rate = 0.5;
  EXPECT_THAT(model->ChangeSettingsNow(settings), IsOk());
  EXPECT_THAT(model->SaveNow(false), IsOk());
  EXPECT_THAT(Listed(*model), ElementsAre(1));
  EXPECT_THAT(model->LoadNow(1)->image.settings.optimizer.learning_rate, Eq(0.5));
  // It was asked for once, so it stays.
  for (std::uint64_t seed = 2; seed <= 5; ++seed) {
    EXPECT_THAT(model->StepNow(seed), IsOk());
    EXPECT_THAT(model->SaveNow(false), IsOk());
  }
  EXPECT_THAT(Listed(*model), ElementsAre(5, 4, 1));
}

TEST_F(CheckpointTest, TheOneThatRecoveryBeginsFromOutlivesItsDeletion) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  EXPECT_THAT(model->SaveNow(true), IsOk());
  EXPECT_THAT(model->StepNow(2), IsOk());
  Delete(*model, 1);
  EXPECT_THAT(Listed(*model), IsEmpty());
  EXPECT_THAT(model->LoadNow(1), ReasonIs("CHECKPOINT_NOT_FOUND"));
  const ModelState before = model->State();
  model = nullptr;
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_THAT(models[0]->State(), Eq(before));
  EXPECT_THAT(Listed(*models[0]), IsEmpty());
  // The next one makes it superfluous.
  EXPECT_THAT(models[0]->SaveNow(false), IsOk());
  EXPECT_THAT(Listed(*models[0]), ElementsAre(2));
  RecoveredState(std::move(models[0]));
  store_ = nullptr;
  EXPECT_THAT(Query("SELECT count(*) FROM checkpoints"), Eq(1));
}

TEST_F(CheckpointTest, OneThatTheJournalNamesOutlivesItsDeletion) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    EXPECT_THAT(model->StepNow(seed), IsOk());
    EXPECT_THAT(model->SaveNow(false), IsOk());
  }
  EXPECT_THAT(Listed(*model), ElementsAre(3, 2));
  EXPECT_THAT(model->RestoreNow(2), IsOk());
  EXPECT_THAT(model->step(), Eq(2));
  Delete(*model, 2);
  EXPECT_THAT(model->StepNow(9), IsOk());
  ModelState before = model->State();
  model = nullptr;
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_THAT(models[0]->State(), Eq(before));
  EXPECT_THAT(Listed(*models[0]), ElementsAre(3));
  EXPECT_THAT(models[0]->SaveNow(true), IsOk());
  RecoveredState(std::move(models[0]));
  store_ = nullptr;
  EXPECT_THAT(Query("SELECT count(*) FROM checkpoints WHERE step = 2"), Eq(0));
}

// Between loading a checkpoint and recording that it was restored, others may push it off the list.
TEST_F(CheckpointTest, OneThatWasLoadedIsThereForTheUpdateThatNamesIt) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  EXPECT_THAT(model->SaveNow(false), IsOk());
  auto loaded = model->LoadNow(1);
  ASSERT_THAT(loaded, IsOk());
  for (std::uint64_t seed = 2; seed <= 5; ++seed) {
    EXPECT_THAT(model->StepNow(seed), IsOk());
    EXPECT_THAT(model->SaveNow(false), IsOk());
  }
  EXPECT_THAT(Listed(*model), ElementsAre(5, 4));
  EXPECT_THAT(Await<std::int64_t>(
                  [&](OnStored done) { model->Restore(*std::move(loaded), std::move(done)); }),
              IsOk());
  const ModelState before = model->State();
  EXPECT_THAT(before.step, Eq(1));
  EXPECT_THAT(RecoveredState(std::move(model)), Eq(before));
}

TEST_F(CheckpointTest, CallsBehindALoadCallBackBehindIt) {
  std::unique_ptr<LiveModel> model =
      Create(SampleSettings("a", Durability::kJournal, {1100, 1000, 2}));
  EXPECT_THAT(model->StepNow(1), IsOk());
  EXPECT_THAT(model->SaveNow(true), IsOk());
  std::vector<std::string> order;  // callbacks come from one thread
  model->journal().LoadCheckpoint(1, [&](const absl::StatusOr<LoadedCheckpoint>& loaded) {
    EXPECT_THAT(loaded, IsOk());
    order.push_back("load");
  });
  model->Step(2, [&](const absl::StatusOr<std::int64_t>& step) {
    EXPECT_THAT(step, IsOk());
    order.push_back("step");
  });
  model->journal().LoadCheckpoint(7, [&](const absl::StatusOr<LoadedCheckpoint>& loaded) {
    EXPECT_THAT(loaded, ReasonIs("CHECKPOINT_NOT_FOUND"));
    order.push_back("none");
  });
  model->journal().ListCheckpoints([&](const absl::StatusOr<std::vector<CheckpointInfo>>& listed) {
    EXPECT_THAT(*listed, SizeIs(1));
    order.push_back("list");
  });
  EXPECT_THAT(Await<std::int64_t>([&](OnStored done) { model->journal().Sync(std::move(done)); }),
              IsOk());
  EXPECT_THAT(order, ElementsAre("load", "step", "none", "list"));
}

TEST_F(CheckpointTest, IsAskedForWhenTheJournalIsLong) {
  options_.checkpoint_journal_bytes = 100'000;
  Open();
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  std::uint64_t seed = 0;
  std::int64_t bytes = 0;
  while (!model->journal().WantsCheckpoint()) {
    ASSERT_THAT(bytes, Le(120'000));
    EXPECT_THAT(Await<std::int64_t>([&](OnStored done) {
                  model->Step(++seed, std::move(done), {}, {}, /*rows=*/64);
                }),
                IsOk());
    bytes += 64 * 7 * 4;
  }
  EXPECT_THAT(bytes, Gt(80'000));
  EXPECT_THAT(model->SaveNow(false), IsOk());
  EXPECT_FALSE(model->journal().WantsCheckpoint());
}

TEST_F(CheckpointTest, IsAskedForWhenTheLastIsOldAndSomethingHasChanged) {
  options_.checkpoint_interval = absl::ZeroDuration();
  Open();
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_FALSE(model->journal().WantsCheckpoint());
  EXPECT_THAT(model->StepNow(1), IsOk());
  EXPECT_TRUE(model->journal().WantsCheckpoint());
  EXPECT_THAT(model->SaveNow(false), IsOk());
  EXPECT_FALSE(model->journal().WantsCheckpoint());
  EXPECT_THAT(model->StepNow(1), IsOk());
  model = nullptr;
  auto models = Reopen();
  EXPECT_TRUE(models.at(0)->journal().WantsCheckpoint());
}

TEST_F(CheckpointTest, OfAModelThatIsRemovedMeanwhileIsNotMade) {
  std::unique_ptr<LiveModel> model =
      Create(SampleSettings("a", Durability::kJournal, {1100, 1000, 2}));
  absl::StatusOr<CheckpointInfo> saved;
  absl::Notification done_saving;
  model->journal().SaveCheckpoint(model->Image(), true, [&](absl::StatusOr<CheckpointInfo> info) {
    saved = std::move(info);
    done_saving.Notify();
  });
  EXPECT_THAT(
      Await<std::int64_t>([&](OnStored done) { model->journal().Remove({}, std::move(done)); }),
      IsOk());
  done_saving.WaitForNotification();
  EXPECT_THAT(saved, ReasonIs("MODEL_NOT_FOUND"));
  model = nullptr;
  EXPECT_THAT(Reopen(), IsEmpty());
  Open();
  store_ = nullptr;
  EXPECT_THAT(Query("SELECT count(*) FROM checkpoint_pieces"), Eq(0));
}

CheckpointRow Row(std::int64_t id, bool requested, bool listed = true) {
  CheckpointRow row;
  row.id = id;
  row.step = row.position = 10 * id;
  row.requested = requested;
  row.listed = listed;
  return row;
}

TEST(RetentionTest, KeepsWhatIsListedAndWhatIsNeeded) {
  const std::vector<CheckpointRow> rows = {Row(1, false), Row(2, true), Row(3, false, false),
                                           Row(4, false), Row(5, true, false)};
  std::deque<LiveRow> journal(2);
  journal[0].last_position = 50;  // before the last checkpoint: names nothing any more
  journal[0].restores = {3};
  const auto ids = [](const std::vector<CheckpointRow>& checkpoints) {
    std::vector<std::int64_t> result;
    for (const CheckpointRow& row : checkpoints) result.push_back(row.id);
    return result;
  };
  Retention retention = Retain(rows, journal, /*loaded=*/0, /*most_automatic=*/1);
  EXPECT_THAT(ids(retention.kept), ElementsAre(2, 4, 5));
  EXPECT_THAT(retention.deleted, ElementsAre(3, 1));
  EXPECT_THAT(retention.unlisted, IsEmpty());

  journal[1].last_position = 51;
  journal[1].restores = {1};
  retention = Retain(rows, journal, /*loaded=*/3, /*most_automatic=*/1);
  EXPECT_THAT(ids(retention.kept), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(ids(retention.unlisted), ElementsAre(1));
  EXPECT_THAT(retention.deleted, IsEmpty());
}

}  // namespace
}  // namespace descent::store
