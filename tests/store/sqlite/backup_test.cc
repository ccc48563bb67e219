// Copies of a store that is in use.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/live_model.h"
#include "tests/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;
using ::testing::Eq;
using ::testing::Gt;
using ::testing::SizeIs;

class BackupTest : public StoreFixture {
 protected:
  BackupTest() { Open(); }

  absl::StatusOr<std::unique_ptr<Backup>> MakeBackup() {
    return Await<std::unique_ptr<Backup>>(
        [&](OnBackup done) { store_->MakeBackup(std::move(done)); });
  }

  // Reads it into a directory and recovers what is there.
  absl::StatusOr<std::vector<std::unique_ptr<LiveModel>>> RecoverFrom(Backup* backup) {
    std::filesystem::create_directories(copy_.path());
    std::ofstream file(copy_.path() + "/descent.db", std::ios::binary);
    std::int64_t size = 0;
    while (true) {
      const auto bytes = backup->Read(100'000);
      if (!bytes.ok()) return bytes.status();
      if (bytes->empty()) break;
      file << *bytes;
      size += static_cast<std::int64_t>(bytes->size());
    }
    file.close();
    EXPECT_THAT(size, Eq(backup->size_bytes()));
    SqliteStoreOptions options = options_;
    options.directory = copy_.path();
    auto store = OpenSqliteStore(options);
    if (!store.ok()) return store.status();
    copied_ = *std::move(store);
    return RecoverAll(copied_.get());
  }

  TemporaryDirectory copy_;
  std::unique_ptr<Store> copied_;
};

TEST_F(BackupTest, HoldsEverythingCommitted) {
  std::unique_ptr<LiveModel> a = Create(SampleSettings("a"));
  std::unique_ptr<LiveModel> b = Create(SampleSettings("b"));
  EXPECT_THAT(a->StepNow(1), IsOk());
  EXPECT_THAT(b->StepNow(1), IsOk());
  EXPECT_THAT(b->SaveNow(true), IsOk());
  EXPECT_THAT(b->StepNow(2), IsOk());
  auto backup = MakeBackup();
  ASSERT_THAT(backup, IsOk());
  const ModelState a_state = a->State();
  const ModelState b_state = b->State();
  EXPECT_THAT(a->StepNow(3), IsOk());
  auto models = RecoverFrom(backup->get());
  ASSERT_THAT(models, IsOk());
  ASSERT_THAT(*models, SizeIs(2));
  EXPECT_THAT((*models)[0]->State(), Eq(a_state));
  EXPECT_THAT((*models)[1]->State(), Eq(b_state));
  EXPECT_FALSE(std::filesystem::exists(options_.directory + "/backup.db"));
}

// What is committed while pages are being copied is copied along: the backup is of one moment.
TEST_F(BackupTest, IsOfOneMomentWhileTrainingGoesOn) {
  std::unique_ptr<LiveModel> large =
      Create(SampleSettings("large", Durability::kJournal, {1500, 1500, 2}));
  EXPECT_THAT(large->SaveNow(true), IsOk());
  std::unique_ptr<LiveModel> model = Create(SampleSettings("small"));
  std::atomic<bool> done = false;
  absl::StatusOr<std::unique_ptr<Backup>> backup;
  std::int64_t acknowledged = 0;  // callbacks come from one thread
  std::int64_t acknowledged_before = 0;
  store_->MakeBackup([&](absl::StatusOr<std::unique_ptr<Backup>> made) {
    backup = std::move(made);
    acknowledged_before = acknowledged;
    done = true;
  });
  while (!done) {
    model->Step(1, [&](const absl::StatusOr<std::int64_t>& step) {
      EXPECT_THAT(step, IsOk());
      ++acknowledged;
    });
  }
  ASSERT_THAT(backup, IsOk());
  EXPECT_THAT(acknowledged_before, Gt(0));
  const auto models = RecoverFrom(backup->get());
  ASSERT_THAT(models, IsOk());
  ASSERT_THAT(*models, SizeIs(2));
  EXPECT_THAT((*models)[0]->State(), Eq(large->State()));
  // Exactly what had been acknowledged when it was called back.
  EXPECT_THAT((*models)[1]->step(), Eq(acknowledged_before));
}

TEST_F(BackupTest, SeveralAreMadeOneAfterAnother) {
  Create(SampleSettings("a"));
  auto first = MakeBackup();
  auto second = MakeBackup();
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(RecoverFrom(first->get()), IsOk());
  copied_ = nullptr;
  EXPECT_THAT(RecoverFrom(second->get()), IsOk());
}

TEST_F(BackupTest, WhatACrashLeftOfOneIsRemoved) {
  store_ = nullptr;
  std::ofstream(options_.directory + "/backup.db") << "half";
  Open();
  EXPECT_FALSE(std::filesystem::exists(options_.directory + "/backup.db"));
}

}  // namespace
}  // namespace descent::store
