#include "server/store/log/journal_log.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/failing_vfs.h"
#include "tests/store/temporary_directory.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using descent::testing::IsOk;
using descent::testing::IsOkAndHolds;
using descent::testing::ReasonIs;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::IsEmpty;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kFirstFrame = 2 * kPage;

// Of each row, so that it can be told where it comes from.
std::string RecordsOf(std::int64_t id, std::size_t size) {
  std::mt19937_64 random(static_cast<std::uint64_t>(id));
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

class JournalLogTest : public ::testing::Test {
 protected:
  absl::Status TryOpen() {
    log_ = nullptr;
    auto log = JournalLog::Open({.vfs = sqlite3_vfs_find(vfs_),
                                 .directory = directory_.path(),
                                 .file_bytes = file_bytes_,
                                 .read_only = read_only_});
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    return read_only_ ? absl::OkStatus() : log_->MakeDurable();
  }
  void Open() { ASSERT_THAT(TryOpen(), IsOk()); }

  // One commit of rows with these ids.
  absl::StatusOr<bool> Commit(const std::vector<std::int64_t>& ids, std::size_t size = 300) {
    std::vector<JournalRow> rows(ids.size());
    std::vector<std::string> records;
    std::vector<FrameRow> frame;
    for (const std::int64_t id : ids) records.push_back(RecordsOf(id, size));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      rows[i].id = ids[i];
      rows[i].model_id = 100 + ids[i];
      frame.push_back({.row = &rows[i], .records = records[i]});
    }
    return log_->Commit(frame);
  }

  std::vector<std::int64_t> Ids() const {
    std::vector<std::int64_t> ids;
    for (const JournalRow& row : log_->Rows()) ids.push_back(row.id);
    return ids;
  }

  std::string Path(int which) const {
    return directory_.path() + "/journal." + std::to_string(which);
  }
  std::string Contents(int which) const {
    std::ifstream file(Path(which), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Replace(int which, const std::string& contents) const {
    std::ofstream(Path(which), std::ios::binary) << contents;
  }

  TemporaryDirectory directory_;
  const char* vfs_ = nullptr;
  std::int64_t file_bytes_ = 1 << 20;
  bool read_only_ = false;
  std::unique_ptr<JournalLog> log_;
};

TEST_F(JournalLogTest, WhatWasCommittedIsFoundAgain) {
  Open();
  const auto nothing = JournalLog::Look(sqlite3_vfs_find(nullptr), directory_.path());
  ASSERT_THAT(nothing, IsOk());
  EXPECT_FALSE(nothing->first || nothing->has_content);
  EXPECT_THAT(Commit({1, 2}), IsOkAndHolds(true));
  EXPECT_THAT(Commit({3}, 100000), IsOkAndHolds(true));
  EXPECT_THAT(Commit({4}, 0), IsOkAndHolds(true));
  for (int time = 0; time < 3; ++time) {
    EXPECT_THAT(Ids(), ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(log_->Read(2), IsOkAndHolds(RecordsOf(2, 300)));
    EXPECT_THAT(log_->Read(3), IsOkAndHolds(RecordsOf(3, 100000)));
    EXPECT_THAT(log_->Read(4), IsOkAndHolds(""));
    EXPECT_THAT(log_->last_row_id(), Eq(4));
    EXPECT_THAT(log_->last_model_id(), Eq(104));
    Open();
  }
  EXPECT_THAT(Commit({5}), IsOkAndHolds(true));
  Open();
  EXPECT_THAT(Ids(), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(JournalLogTest, FilesTakeTurnsAsTheirRowsAreReleased) {
  file_bytes_ = 64 << 10;
  Open();
  std::int64_t id = 0;
  std::int64_t refused = 0;
  for (int i = 0; i < 500; ++i) {
    const auto committed = Commit({++id}, 3000);
    ASSERT_THAT(committed, IsOk());
    if (!*committed) {
      // The caller writes that one elsewhere, and makes place.
      ++refused;
      EXPECT_TRUE(log_->wants_moving());
      const auto rows = log_->RowsToMove(1);
      ASSERT_THAT(rows, ::testing::SizeIs(1));
      EXPECT_THAT(rows[0].id, Eq(Ids().front()));
      for (const JournalRow& row : log_->RowsToMove(1 << 20)) EXPECT_TRUE(log_->Release(row.id));
      EXPECT_FALSE(log_->wants_moving());
    }
    EXPECT_THAT(std::filesystem::file_size(Path(0)), ::testing::Le(file_bytes_));
  }
  EXPECT_THAT(refused, Gt(20));
  const std::vector<std::int64_t> ids = Ids();
  EXPECT_THAT(ids.back(), Ge(499));
  Open();
  // Rows that were released may be there again until their place is used.
  EXPECT_THAT(Ids(), ::testing::IsSupersetOf(ids));
  for (const std::int64_t each : Ids()) {
    EXPECT_THAT(log_->Read(each), IsOkAndHolds(RecordsOf(each, 3000)));
  }
}

TEST_F(JournalLogTest, LargeCommitsGoElsewhere) {
  Open();
  EXPECT_THAT(Commit({1}, static_cast<std::size_t>(file_bytes_ / 4)), IsOkAndHolds(false));
  EXPECT_THAT(Ids(), IsEmpty());
  std::vector<std::int64_t> many(1000);
  std::iota(many.begin(), many.end(), 1);
  EXPECT_THAT(Commit(many, 10), IsOkAndHolds(false)) << "its head would be";
  file_bytes_ = 0;
  Open();
  EXPECT_THAT(Commit({1}, 1), IsOkAndHolds(false));
}

TEST_F(JournalLogTest, AReleasedRowIsNotThere) {
  Open();
  EXPECT_THAT(Commit({1, 2}), IsOkAndHolds(true));
  EXPECT_TRUE(log_->Release(1));
  EXPECT_FALSE(log_->Release(1));
  EXPECT_FALSE(log_->Contains(1));
  EXPECT_THAT(Ids(), ElementsAre(2));
  EXPECT_THAT(log_->Remove(), IsOk());
  EXPECT_TRUE(std::filesystem::exists(Path(0))) << "it holds a row";
  EXPECT_TRUE(log_->Release(2));
  EXPECT_THAT(log_->Remove(), IsOk());
  EXPECT_FALSE(std::filesystem::exists(Path(0)));
}

// Every bit of both files, flipped: each row is as it was or is said to be damaged, or the log is.
TEST_F(JournalLogTest, AWrongBitIsHarmlessOrReported) {
  file_bytes_ = 24 << 10;
  Open();
  std::int64_t id = 0;
  for (int i = 0; i < 12; ++i) {
    ++id;
    const auto committed = Commit({id, id + 100}, 40);
    ASSERT_THAT(committed, IsOk());
    if (*committed) continue;
    for (const JournalRow& row : log_->RowsToMove(1 << 20)) log_->Release(row.id);
  }
  Open();
  const std::vector<std::int64_t> ids = Ids();
  ASSERT_THAT(ids, Not(IsEmpty()));
  ASSERT_TRUE(std::filesystem::exists(Path(1)));
  log_ = nullptr;
  read_only_ = true;
  int refused = 0;
  int damaged = 0;
  int same = 0;
  for (const int which : {0, 1}) {
    const std::string contents = Contents(which);
    // Builds with checks are slow, so they try fewer bits.
#ifdef NDEBUG
    constexpr std::size_t kEvery = 1;
#else
    constexpr std::size_t kEvery = 29;
#endif
    std::mt19937_64 random(1);
    for (std::size_t bit = 0; bit < 8 * contents.size(); bit += kEvery) {
      // Far from what was written a few will do.
      if (contents[bit / 8] == '\0' && random() % 64 != 0) continue;
      std::string flipped = contents;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      Replace(which, flipped);
      const absl::Status opened = TryOpen();
      if (!opened.ok()) {
        EXPECT_THAT(opened, AnyOf(ReasonIs("STORED_STATE_DAMAGED"), ReasonIs("STORAGE_VERSION")));
        ++refused;
        continue;
      }
      ASSERT_THAT(Ids(), Eq(ids)) << "bit " << bit % 8 << " of byte " << bit / 8;
      bool all_same = true;
      for (const std::int64_t each : ids) {
        const auto records = log_->Read(each);
        if (records.ok()) {
          ASSERT_THAT(*records, Eq(RecordsOf(each, 40))) << bit;
        } else {
          ASSERT_THAT(records.status(), ReasonIs("STORED_STATE_DAMAGED"));
          all_same = false;
        }
      }
      ++(all_same ? same : damaged);
    }
    Replace(which, contents);
  }
  // Headers and heads are mended, records reported.
  EXPECT_THAT(same, Gt(0));
  EXPECT_THAT(damaged, Gt(0));
  EXPECT_THAT(refused, Eq(0));
}

TEST_F(JournalLogTest, MoreWrongBitsAreReportedUnlessTheyMayBeATornCommit) {
  Open();
  for (std::int64_t id = 1; id <= 5; ++id) EXPECT_THAT(Commit({id}, 5000), IsOkAndHolds(true));
  log_ = nullptr;
  const std::string contents = Contents(0);
  for (int commit = 0; commit < 5; ++commit) {
    const std::size_t begin = kFirstFrame + static_cast<std::size_t>(commit) * 2 * kPage;
    for (const std::size_t sector : {std::size_t{0}, std::size_t{1}, std::size_t{9}}) {
      std::string damaged = contents;
      damaged.replace(begin + 512 * sector, 512, std::string(512, '\x5a'));
      Replace(0, damaged);
      const absl::Status opened = TryOpen();
      if (commit == 4) {
        ASSERT_THAT(opened, IsOk());
        EXPECT_THAT(Ids(), ElementsAre(1, 2, 3, 4));
      } else if (sector == 0) {
        EXPECT_THAT(opened, ReasonIs("STORED_STATE_DAMAGED")) << "whose it was can't be told";
      } else {
        ASSERT_THAT(opened, IsOk());
        EXPECT_THAT(Ids(), ElementsAre(1, 2, 3, 4, 5));
        for (std::int64_t id = 1; id <= 5; ++id) {
          EXPECT_THAT(log_->Read(id).ok(), Eq(id != commit + 1));
        }
      }
    }
  }
}

TEST_F(JournalLogTest, ACommitGoesOverATornOne) {
  Open();
  for (std::int64_t id = 1; id <= 3; ++id) EXPECT_THAT(Commit({id}, 9000), IsOkAndHolds(true));
  log_ = nullptr;
  std::string contents = Contents(0);
  contents.resize(kFirstFrame + 2 * 3 * kPage + 5000);
  Replace(0, contents);
  Open();
  EXPECT_THAT(Ids(), ElementsAre(1, 2));
  EXPECT_THAT(Commit({4}, 100), IsOkAndHolds(true));
  Open();
  EXPECT_THAT(Ids(), ElementsAre(1, 2, 4));
}

TEST_F(JournalLogTest, AHeaderThatWasNotFinishedLeavesTheOneBefore) {
  file_bytes_ = 32 << 10;
  Open();
  std::int64_t id = 0;
  // Until the first file would begin for the second time.
  while (!std::filesystem::exists(Path(1)) || !log_->wants_moving()) {
    ASSERT_THAT(Commit({++id}, 3000), IsOkAndHolds(true));
  }
  const std::string before = Contents(0);
  for (const JournalRow& row : log_->RowsToMove(1 << 20)) log_->Release(row.id);
  while (Contents(0) == before) ASSERT_THAT(Commit({++id}, 3000), IsOkAndHolds(true));
  const std::string begun = Contents(0);
  log_ = nullptr;
  for (const std::size_t place : {std::size_t{0}, kPage}) {
    if (begun.substr(place, 512) == before.substr(place, 512)) continue;
    // The newer of the two headers: it was about to be written, or was, and is not what it was.
    std::string torn = before;
    torn.replace(place, 512, std::string(512, '\0'));
    Replace(0, torn);
    EXPECT_THAT(TryOpen(), IsOk());
    torn = begun;
    torn.replace(place, 512, std::string(512, '\x5a'));
    Replace(0, torn);
    EXPECT_THAT(TryOpen(), ReasonIs("STORED_STATE_DAMAGED"));
  }
}

// When a file has begun, the last commit of the other one was durable: it can't have been torn.
TEST_F(JournalLogTest, TheLastCommitBeforeTheOtherFileBeganIsNotTakenForTorn) {
  file_bytes_ = 32 << 10;
  Open();
  std::int64_t id = 0;
  while (!std::filesystem::exists(Path(1))) {
    ASSERT_THAT(Commit({++id}, 3000), IsOkAndHolds(true));
  }
  log_ = nullptr;
  const std::string contents = Contents(0);
  const std::size_t last = kFirstFrame + static_cast<std::size_t>(id - 2) * kPage;
  for (const std::size_t damaged : {last, last + 1000}) {
    std::string bytes = contents;
    bytes.replace(damaged, 16, std::string(16, '\x5a'));
    Replace(0, bytes);
    EXPECT_THAT(TryOpen(), ReasonIs("STORED_STATE_DAMAGED"));
  }
  Replace(0, contents);
  EXPECT_THAT(TryOpen(), IsOk());
}

TEST_F(JournalLogTest, AFullDiskLeavesWhatWasCommitted) {
  FailingVfs vfs;
  vfs_ = vfs.name();
  Open();
  EXPECT_THAT(Commit({1}), IsOkAndHolds(true));
  vfs.write_result = SQLITE_FULL;
  vfs.writes_before = 1;  // the head passes, its records do not
  EXPECT_THAT(Commit({2}, 70000), ReasonIs("STORAGE_FULL"));
  vfs.write_result = SQLITE_OK;
  EXPECT_THAT(Ids(), ElementsAre(1));
  EXPECT_THAT(Commit({3}), IsOkAndHolds(true));
  Open();
  EXPECT_THAT(Ids(), ElementsAre(1, 3));
}

TEST_F(JournalLogTest, AFailedSyncIsAFailure) {
  FailingVfs vfs;
  vfs_ = vfs.name();
  Open();
  EXPECT_THAT(Commit({1}), IsOkAndHolds(true));
  vfs.sync_result = SQLITE_IOERR_FSYNC;
  EXPECT_THAT(Commit({2}), ReasonIs("STORAGE_FAILED"));
  EXPECT_THAT(Ids(), ElementsAre(1));
}

// What could not be synced may have come into the system's memory alone: the next process writes it
// again.
TEST_F(JournalLogTest, TheLastCommitIsWrittenAgain) {
  FailingVfs vfs;
  vfs_ = vfs.name();
  Open();
  EXPECT_THAT(Commit({1}), IsOkAndHolds(true));
  EXPECT_THAT(Commit({2}), IsOkAndHolds(true));
  log_ = nullptr;
  const int writes = vfs.writes;
  const int syncs = vfs.syncs;
  Open();
  EXPECT_THAT(vfs.writes - writes, Ge(2));
  EXPECT_THAT(vfs.syncs - syncs, Eq(1));
  EXPECT_THAT(log_->Read(2), IsOkAndHolds(RecordsOf(2, 300)));
}

// A client chooses most of a record's bytes, and they stay in the file: they must not pass for a
// commit when a later end of the log lies before them.
TEST_F(JournalLogTest, FramesInsideRecordsAreNotTakenForFrames) {
  Open();
  EXPECT_THAT(Commit({1}, 3 * kPage), IsOkAndHolds(true));
  const std::string mine = Contents(0);
  // Whole frames of a log that is not this one, at every page.
  JournalRow row;
  row.id = 9;
  const FrameRow forged{.row = &row, .records = ""};
  std::string records;
  for (std::uint64_t number = 1; number < 40; ++number) {
    std::string page = EncodeFrameHead(number, 2, {&forged, 1});
    page.resize(kPage);
    records += page;
  }
  JournalRow carrier;
  carrier.id = 2;
  const FrameRow frame{.row = &carrier, .records = records};
  EXPECT_THAT(log_->Commit({&frame, 1}), IsOkAndHolds(true));
  log_ = nullptr;
  std::string torn = Contents(0);
  torn.replace(kFirstFrame + 4 * kPage, 512, std::string(512, '\0'));
  Replace(0, torn);
  Open();
  EXPECT_THAT(Ids(), ElementsAre(1));
}

TEST_F(JournalLogTest, ReadingOnlyChangesNothing) {
  Open();
  EXPECT_THAT(Commit({1}), IsOkAndHolds(true));
  log_ = nullptr;
  const std::string contents = Contents(0);
  const auto time = std::filesystem::last_write_time(Path(0));
  read_only_ = true;
  Open();
  EXPECT_THAT(Ids(), ElementsAre(1));
  log_ = nullptr;
  EXPECT_TRUE(Contents(0) == contents);
  EXPECT_TRUE(std::filesystem::last_write_time(Path(0)) == time);
}

}  // namespace
}  // namespace descent::store
