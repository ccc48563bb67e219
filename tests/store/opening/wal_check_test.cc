// The check of SQLite's write-ahead log by itself, over logs that SQLite has written and this test
// has spoilt.

#include "server/store/opening/wal_check.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/tables/sqlite_connection.h"
#include "tests/store/temporary_directory.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::StatusIs;
using ::testing::_;
using ::testing::HasSubstr;

constexpr std::size_t kPageSize = 4096;
constexpr std::size_t kHeaderSize = 32;
constexpr std::size_t kFrameSize = 24 + kPageSize;
// Each commit writes as many frames.
constexpr std::size_t kCommits = 4;
constexpr std::size_t kPagesACommit = 3;
constexpr std::size_t kFrames = kCommits * kPagesACommit;

std::string ReadFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

void WriteFile(const std::string& path, const std::string& contents) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
}

class WalCheckTest : public ::testing::Test {
 protected:
  WalCheckTest() { WriteLog(); }

  // Has SQLite write a database and a log, which become Path() and log_.
  void WriteLog() {
    std::filesystem::remove(directory_.path() + "/live.db");
    const std::string live = directory_.path() + "/live.db";
    auto connection = Connection::Open(live, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    EXPECT_THAT(connection, IsOk());
    const auto execute = [&](const std::string& sql) {
      EXPECT_THAT((*connection)->Execute(sql.c_str()), IsOk()) << sql;
    };
    execute(absl::StrCat("PRAGMA page_size = ", kPageSize));
    execute("PRAGMA journal_mode = WAL");
    execute("PRAGMA wal_autocheckpoint = 0");
    // Rows that fill a page each, all changed by each commit.
    execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, data BLOB)");
    execute(
        "INSERT INTO rows VALUES (1, randomblob(3500)), (2, randomblob(3500)), (3, "
        "randomblob(3500))");
    execute("PRAGMA wal_checkpoint(TRUNCATE)");
    for (std::size_t commit = 0; commit < kCommits; ++commit) {
      execute("UPDATE rows SET data = randomblob(3500)");
    }
    log_ = ReadFile(live + "-wal");
    EXPECT_EQ(log_.size(), kHeaderSize + kFrames * kFrameSize);
    WriteFile(Path(), ReadFile(live));
  }

  std::string Path() const { return directory_.path() + "/descent.db"; }

  absl::Status Check(const std::string& log) {
    WriteFile(Path() + "-wal", log);
    return CheckWal(sqlite3_vfs_find(nullptr), Path());
  }

  static std::size_t Frame(std::size_t frame) { return kHeaderSize + frame * kFrameSize; }
  // The log with `count` bytes from `offset` on inverted.
  std::string Inverted(std::size_t offset, std::size_t count) const {
    std::string log = log_;
    for (std::size_t i = offset; i < offset + count; ++i) log[i] = static_cast<char>(~log[i]);
    return log;
  }

  TemporaryDirectory directory_;
  std::string log_;
};

TEST_F(WalCheckTest, WhatSqliteWroteIsRight) { EXPECT_THAT(Check(log_), IsOk()); }

TEST_F(WalCheckTest, WhereThereIsNoLogNothingIsWrong) {
  EXPECT_THAT(CheckWal(sqlite3_vfs_find(nullptr), Path()), IsOk());
  EXPECT_THAT(Check(""), IsOk());
  EXPECT_THAT(Check(log_.substr(0, kHeaderSize)), IsOk());
}

TEST_F(WalCheckTest, ALogWithoutADatabaseIsDamage) {
  std::filesystem::remove(Path());
  EXPECT_THAT(Check(log_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("descent.db is missing")));
}

TEST_F(WalCheckTest, ABadHeaderWithFramesAfterItIsDamage) {
  for (const std::size_t offset : {0U, 5U, 9U, 17U, 25U, 31U}) {
    EXPECT_THAT(Check(Inverted(offset, 1)),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("its header")))
        << offset;
  }
}

// A crash leaves of the last commit any part: none of this is damage.
TEST_F(WalCheckTest, ATornLastCommitIsNoDamage) {
  const std::size_t last = Frame(kFrames - kPagesACommit);
  for (const std::size_t size : {last, last + 1, last + 24, last + 100, last + kFrameSize,
                                 last + kFrameSize + 512, log_.size() - 1}) {
    EXPECT_THAT(Check(log_.substr(0, size)), IsOk()) << size;
  }
  for (std::size_t missing = 0; missing < kPagesACommit; ++missing) {
    std::string log = log_;
    log.replace(last + missing * kFrameSize, kFrameSize, std::string(kFrameSize, '\0'));
    EXPECT_THAT(Check(log), IsOk()) << "frame " << missing << " of the last commit is zeros";
  }
  // Half of a page in sectors.
  EXPECT_THAT(Check(Inverted(log_.size() - 2048, 2048)), IsOk());
}

// Any sectors of it may be what was there before: nothing, or frames of an older log.
TEST_F(WalCheckTest, ALastCommitOfWhichOnlySomeSectorsWereWrittenIsNoDamage) {
  const std::string older = log_;
  WriteLog();
  const std::size_t start = Frame(kFrames - kPagesACommit);
  std::mt19937_64 random(2);
  for (const std::string& before : {std::string(log_.size(), '\0'), older}) {
    for (int trial = 0; trial < 1000; ++trial) {
      std::string log = log_;
      for (std::size_t sector = start / 512; sector * 512 < log.size(); ++sector) {
        if (random() % 2 == 0) continue;
        const std::size_t begin = std::max(start, sector * 512);
        const std::size_t end = std::min(log.size(), (sector + 1) * 512);
        log.replace(begin, end - begin, before, begin, end - begin);
      }
      ASSERT_THAT(Check(log), IsOk()) << trial;
    }
  }
}

TEST_F(WalCheckTest, DamageThatCommitsFollowIsFoundInEveryFrame) {
  for (std::size_t frame = 0; frame < kFrames - kPagesACommit; ++frame) {
    std::string zeros = log_;
    zeros.replace(Frame(frame), kFrameSize, std::string(kFrameSize, '\0'));
    // See the next test.
    if (frame == kFrames - kPagesACommit - 1) continue;
    for (const std::string& log :
         {Inverted(Frame(frame) + 24, 512), Inverted(Frame(frame), 24), zeros}) {
      EXPECT_THAT(Check(log), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("commits follow it")))
          << frame;
    }
  }
}

// Of the commit before the last, the frame that ends it: with its header gone, nothing says that
// there were two commits rather than one that was torn.
TEST_F(WalCheckTest, DamageOfTheLastFrameBeforeTheLastCommitIsFoundByItsHeader) {
  const std::size_t end = Frame(kFrames - kPagesACommit - 1);
  EXPECT_THAT(Check(Inverted(end + 24, kPageSize)), StatusIs(absl::StatusCode::kDataLoss, _));
  EXPECT_THAT(Check(Inverted(end + 24, 2)), StatusIs(absl::StatusCode::kDataLoss, _));
  EXPECT_THAT(Check(Inverted(end, kFrameSize)), IsOk());
}

// Without the check SQLite would take such a frame for the log's end, and every commit from there
// on would be gone without a word.
TEST_F(WalCheckTest, OneBitThatFlipsIsFoundWhereverItIs) {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::size_t> bits(0, (log_.size() - kHeaderSize) * 8 - 1);
  for (int i = 0; i < 400; ++i) {
    const std::size_t bit = kHeaderSize * 8 + bits(random);
    std::string log = log_;
    log[bit / 8] = static_cast<char>(log[bit / 8] ^ 1 << bit % 8);
    EXPECT_THAT(Check(log), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("descent.db-wal")))
        << "bit " << bit % 8 << " of byte " << bit / 8;
  }
}

// A log that begins anew goes over its old frames, which stay where it has not come to. They bear
// other salts.
TEST_F(WalCheckTest, FramesOfALogBeforeAreNotOfThisOne) {
  const std::string before = log_;
  WriteLog();
  ASSERT_FALSE(before.substr(16, 8) == log_.substr(16, 8)) << "each log has salts of its own";
  for (std::size_t commits = 1; commits <= kCommits; ++commits) {
    const std::size_t size = Frame(commits * kPagesACommit);
    EXPECT_THAT(Check(log_.substr(0, size) + before.substr(size)), IsOk()) << commits;
  }
}

}  // namespace
}  // namespace descent::store
