// What a store does when the disk is full or fails.

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/failing_vfs.h"
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
using ::testing::SizeIs;

class FailureTest : public StoreFixture {
 protected:
  FailureTest() {
    options_.vfs = vfs_.name();
    OpenAndListen();
  }
  ~FailureTest() override { store_ = nullptr; }

  void OpenAndListen() {
    Open();
    store_->NotifyStatus([this](const absl::Status& status) {
      const absl::MutexLock lock(&mutex_);
      heard_.push_back(status);
    });
  }

  // Waits until the store has said so often that its status changed.
  std::vector<absl::Status> WaitForStatus(std::size_t times) {
    const absl::MutexLock lock(&mutex_);
    const auto enough = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return heard_.size() >= times; };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(60)));
    return heard_;
  }

  std::unique_ptr<LiveModel> Find(const std::string& name) {
    auto stored = store_->Find(name);
    EXPECT_THAT(stored, IsOk());
    auto model = LiveModel::Recover(stored->get());
    EXPECT_THAT(model, IsOk());
    return *std::move(model);
  }

  FailingVfs vfs_;
  absl::Mutex mutex_;
  std::vector<absl::Status> heard_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(FailureTest, AFullDiskStopsAcknowledgementsUntilThereIsRoom) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  std::unique_ptr<LiveModel> idle = Create(SampleSettings("idle"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  const ModelState acknowledged = model->State();

  vfs_.write_result = SQLITE_FULL;
  EXPECT_THAT(model->StepNow(2), ReasonIs("STORAGE_FULL"));
  EXPECT_THAT(WaitForStatus(1), ElementsAre(ReasonIs("STORAGE_FULL")));
  EXPECT_THAT(store_->status(), ReasonIs("STORAGE_FULL"));
  EXPECT_THAT(model->SaveNow(true), ReasonIs("STORAGE_FULL"));
  EXPECT_FALSE(model->journal().WantsCheckpoint());
  EXPECT_THAT(LiveModel::Create(store_.get(), SampleSettings("b")), ReasonIs("STORAGE_FULL"));
  // Reading goes on.
  EXPECT_THAT(*idle->ListNow(), IsEmpty());
  EXPECT_THAT(Await<std::int64_t>([&](OnStored done) { idle->journal().Sync(std::move(done)); }),
              IsOk());

  vfs_.write_result = SQLITE_OK;
  EXPECT_THAT(WaitForStatus(2), ElementsAre(ReasonIs("STORAGE_FULL"), IsOk()));
  // What was appended after the failure rests on an update that was not kept.
  EXPECT_THAT(model->StepNow(3), ReasonIs("STORAGE_FULL"));
  model = nullptr;
  model = Find("a");
  EXPECT_THAT(model->State(), Eq(acknowledged));
  EXPECT_THAT(model->StepNow(2), IsOk());
  // A model without failed changes just goes on.
  EXPECT_THAT(idle->StepNow(1), IsOk());

  const ModelState before = model->State();
  const ModelState idle_before = idle->State();
  model = nullptr;
  idle = nullptr;
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(2));
  EXPECT_THAT(models[0]->State(), Eq(before));
  EXPECT_THAT(models[1]->State(), Eq(idle_before));
}

// The disk fills in the middle of what a commit writes, at every write of it.
TEST_F(FailureTest, ACommitThatFindsTheDiskFullLeavesTheLogSound) {
  std::unique_ptr<LiveModel> model =
      Create(SampleSettings("a", Durability::kJournal, {600, 200, 2}));
  int failures = 0;
  for (int writes = 0; writes < 12; ++writes) {
    EXPECT_THAT(model->StepNow(1), IsOk());
    const ModelState acknowledged = model->State();
    vfs_.writes_before = writes;
    vfs_.write_result = SQLITE_FULL;
    const auto failed =
        Await<std::int64_t>([&](OnStored done) { model->SetParameters(2, std::move(done)); });
    if (failed.ok()) {  // more writes than there were
      vfs_.write_result = SQLITE_OK;
      vfs_.writes_before = 0;
      continue;
    }
    EXPECT_THAT(failed, ReasonIs("STORAGE_FULL"));
    vfs_.write_result = SQLITE_OK;
    ++failures;
    WaitForStatus(static_cast<std::size_t>(2 * failures));
    model = nullptr;
    model = Find("a");
    EXPECT_THAT(model->State(), Eq(acknowledged)) << "after " << writes << " writes";
    EXPECT_THAT(model->StepNow(3), IsOk());
    const ModelState before = model->State();
    model = nullptr;
    auto models = RecoverAll([&] {
      OpenAndListen();
      return store_.get();
    }());
    ASSERT_THAT(models, IsOk());
    model = std::move(models->at(0));
    EXPECT_THAT(model->State(), Eq(before)) << "after " << writes << " writes";
  }
  EXPECT_THAT(failures, Gt(6));
}

TEST_F(FailureTest, EveryCallThatIsQueuedIsCalledBack) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  vfs_.write_result = SQLITE_FULL;
  std::vector<bool> stored;  // callbacks come from one thread
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    model->Step(seed,
                [&](const absl::StatusOr<std::int64_t>& step) { stored.push_back(step.ok()); });
  }
  EXPECT_THAT(Await<std::int64_t>([&](OnStored done) { model->journal().Sync(std::move(done)); }),
              ReasonIs("STORAGE_FULL"));
  EXPECT_THAT(stored, SizeIs(500));
  EXPECT_THAT(stored, ::testing::Each(false));
}

TEST_F(FailureTest, ModelsThatKeepNoJournalGoOn) {
  std::unique_ptr<LiveModel> memory = Create(SampleSettings("memory", Durability::kMemory));
  std::unique_ptr<LiveModel> checkpoint =
      Create(SampleSettings("checkpoint", Durability::kCheckpoint));
  vfs_.write_result = SQLITE_FULL;
  EXPECT_THAT(checkpoint->StepNow(1), IsOk());
  EXPECT_THAT(checkpoint->SaveNow(false), ReasonIs("STORAGE_FULL"));
  EXPECT_THAT(*checkpoint->StepNow(2), Eq(0));
  EXPECT_THAT(*memory->StepNow(1), Eq(1));
  vfs_.write_result = SQLITE_OK;
  WaitForStatus(2);
  EXPECT_THAT(checkpoint->SaveNow(false), IsOk());
  EXPECT_THAT(*checkpoint->StepNow(3), Eq(2));
}

TEST_F(FailureTest, AFailedSyncIsNeverTriedAgain) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  const ModelState acknowledged = model->State();
  vfs_.sync_result = SQLITE_IOERR_FSYNC;
  EXPECT_THAT(model->StepNow(2), ReasonIs("STORAGE_FAILED"));
  EXPECT_THAT(WaitForStatus(1), ElementsAre(ReasonIs("STORAGE_FAILED")));
  vfs_.sync_result = SQLITE_OK;
  const int writes = vfs_.writes;
  const int syncs = vfs_.syncs;
  EXPECT_THAT(model->StepNow(3), ReasonIs("STORAGE_FAILED"));
  EXPECT_THAT(LiveModel::Create(store_.get(), SampleSettings("b")), ReasonIs("STORAGE_FAILED"));
  absl::SleepFor(absl::Milliseconds(1500));
  EXPECT_THAT(store_->status(), ReasonIs("STORAGE_FAILED"));
  model = nullptr;
  // What was acknowledged can be read, and closing does not write either.
  EXPECT_THAT(Find("a")->State(), Eq(acknowledged));
  store_ = nullptr;
  EXPECT_THAT(vfs_.writes, Eq(writes));
  EXPECT_THAT(vfs_.syncs, Eq(syncs));
  // The commit whose sync failed may be found or not; nothing else.
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  if (models[0]->step() == 1) {
    EXPECT_THAT(models[0]->State(), Eq(acknowledged));
  }
  EXPECT_THAT(models[0]->step(), ::testing::AnyOf(1, 2));
}

TEST_F(FailureTest, AFailedWriteEndsChangesForGood) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  const ModelState acknowledged = model->State();
  vfs_.write_result = SQLITE_IOERR_WRITE;
  EXPECT_THAT(model->StepNow(2), ReasonIs("STORAGE_FAILED"));
  vfs_.write_result = SQLITE_OK;
  EXPECT_THAT(model->StepNow(3), ReasonIs("STORAGE_FAILED"));
  EXPECT_THAT(RecoveredState(std::move(model)), Eq(acknowledged));
}

// The log's pages can't be moved into the database for want of room; they stay in the log.
TEST_F(FailureTest, ClosingAFullStoreLosesNothing) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  const ModelState acknowledged = model->State();
  vfs_.write_result = SQLITE_FULL;
  model = nullptr;
  store_ = nullptr;
  vfs_.write_result = SQLITE_OK;
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_THAT(models[0]->State(), Eq(acknowledged));
}

TEST_F(FailureTest, AStoreOnAFullDiskIsOpenedForReading) {
  std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
  EXPECT_THAT(model->StepNow(1), IsOk());
  const ModelState acknowledged = model->State();
  vfs_.write_result = SQLITE_FULL;
  model = nullptr;
  store_ = nullptr;
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_THAT(models[0]->State(), Eq(acknowledged));
  EXPECT_THAT(store_->status(), ReasonIs("STORAGE_FULL"));
  EXPECT_THAT(models[0]->StepNow(2), ReasonIs("STORAGE_FULL"));
}

// Larger than what SQLite keeps in memory.
TEST_F(FailureTest, ReadingThatFailsIsNotDamage) {
  std::unique_ptr<LiveModel> model =
      Create(SampleSettings("a", Durability::kJournal, {2000, 1800, 2}));
  EXPECT_THAT(model->SaveNow(true), IsOk());
  model = nullptr;
  Open();
  const auto stored = store_->TakeStoredModels();
  vfs_.read_result = SQLITE_IOERR_READ;
  EXPECT_THAT(stored.at(0)->Base(), ReasonIs("STORAGE_FAILED"));
  vfs_.read_result = SQLITE_OK;
  EXPECT_THAT(stored.at(0)->Base(), IsOk());
}

}  // namespace
}  // namespace descent::store
