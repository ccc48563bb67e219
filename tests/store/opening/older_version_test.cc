// A data directory that an older version has written.

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/tables/schema.h"
#include "tests/store/failing_vfs.h"
#include "tests/store/live_model.h"
#include "tests/store/store_fixture.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::StatusIs;
using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string ContentsOf(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// What version_1.sql holds.
constexpr std::int64_t kStep = 25;
constexpr std::int64_t kJournalUpdates = 10;

class OlderVersionTest : public StoreFixture {
 protected:
  OlderVersionTest() { MakeVersion1(); }

  std::string Database() const { return options_.directory + "/descent.db"; }

  void MakeVersion1() {
    std::filesystem::remove_all(options_.directory);
    std::filesystem::create_directories(options_.directory);
    Execute(ContentsOf(testing::SourceDir() + "/tests/store/data/version_1.sql"));
  }

  void Execute(const std::string& sql) {
    auto connection =
        Connection::Open(Database(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    ASSERT_THAT(connection, IsOk());
    ASSERT_THAT((*connection)->Execute(sql.c_str()), IsOk());
  }

  // Reads the only model to its end.
  struct Reading {
    std::int64_t records = 0;
    std::int64_t hashes = 0;
    std::int64_t of_other_engines = 0;
    bool has_initial_hash = false;

    bool operator==(const Reading&) const = default;
  };
  Reading Read() {
    Open();
    const auto stored = store_->TakeStoredModels();
    EXPECT_THAT(stored, SizeIs(1));
    EXPECT_THAT(stored[0]->Base(), IsOk());
    Reading reading{.has_initial_hash = stored[0]->InitialStateHash().has_value()};
    while (true) {
      const auto records = stored[0]->NextRecords();
      EXPECT_THAT(records, IsOk());
      if (!records.ok() || records->empty()) break;
      for (const UpdateRecord& record : *records) {
        ++reading.records;
        if (record.state_hash.has_value()) ++reading.hashes;
      }
    }
    reading.of_other_engines = stored[0]->records_of_other_engines();
    stored[0]->TakeJournal();
    return reading;
  }
};

TEST_F(OlderVersionTest, IsBroughtToThisOneWithAllItHolds) {
  const auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_EQ(models[0]->settings().name, "sample");
  EXPECT_EQ(models[0]->step(), kStep);
  store_ = nullptr;
  EXPECT_EQ(Query("PRAGMA user_version"), kSchemaVersion);
  EXPECT_EQ(Query("SELECT engine_version FROM builds WHERE id = 1"), 0);
  EXPECT_THAT(Reopen(), SizeIs(1)) << "and again, now that it is of this version";
}

TEST_F(OlderVersionTest, HashesFromBeforeEnginesHadVersionsAreNotCompared) {
  const Reading expected = {.records = kJournalUpdates,
                            .hashes = 0,
                            .of_other_engines = kJournalUpdates,
                            .has_initial_hash = false};
  EXPECT_EQ(Read(), expected);
}

TEST_F(OlderVersionTest, WhatIsTrainedFromNowOnIsCompared) {
  {
    const auto models = Reopen();
    ASSERT_THAT(models, SizeIs(1));
    for (int step = 1; step <= 3; ++step) EXPECT_THAT(models[0]->StepNow(step), IsOk());
  }
  const Reading reading = Read();
  EXPECT_EQ(reading.records, kJournalUpdates + 3);
  EXPECT_EQ(reading.of_other_engines, kJournalUpdates);
  EXPECT_EQ(reading.hashes, 3);
}

TEST_F(OlderVersionTest, ForReadingItIsReadAndLeftAsItIs) {
  const std::string before = ContentsOf(Database());
  options_.read_only = true;
  EXPECT_EQ(Read().of_other_engines, kJournalUpdates);
  store_ = nullptr;
  EXPECT_TRUE(ContentsOf(Database()) == before);
  options_.read_only = false;
  EXPECT_THAT(Reopen(), SizeIs(1));
}

TEST_F(OlderVersionTest, ADamagedBuildIsNotTakenOver) {
  Execute("UPDATE builds SET build = 'another'");
  const std::string before = ContentsOf(Database());
  EXPECT_THAT(OpenSqliteStore(options_), StatusIs(absl::StatusCode::kDataLoss,
                                                  HasSubstr("table builds, row 1: its checksum")));
  EXPECT_TRUE(ContentsOf(Database()) == before);
}

TEST_F(OlderVersionTest, AFailureOnTheWayLeavesOneVersionOrTheOther) {
  FailingVfs vfs;
  int failures = 0;
  for (int writes = 0;; ++writes) {
    SCOPED_TRACE(absl::StrCat("write ", writes, " fails"));
    MakeVersion1();
    options_.vfs = vfs.name();
    vfs.writes_before = writes;
    vfs.write_result = SQLITE_IOERR_WRITE;
    const bool opened = OpenSqliteStore(options_).ok();
    const bool failed = vfs.writes_before <= 0;
    vfs.write_result = SQLITE_OK;
    options_.vfs = nullptr;
    const auto models = Reopen();
    ASSERT_THAT(models, SizeIs(1));
    EXPECT_EQ(models[0]->step(), kStep);
    store_ = nullptr;
    if (opened) {
      EXPECT_GT(failures, 3);
      return;
    }
    EXPECT_TRUE(failed);
    ++failures;
  }
}

}  // namespace
}  // namespace descent::store
