// A SQLite database on the simulated disk behaves: it is what it is on a real one, and survives
// what SQLite promises to survive.

#include "tests/crash/faulty_vfs.h"

#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::crash {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

// A table of numbers, as the store opens its file.
class Database {
 public:
  explicit Database(const FaultyVfs& vfs, const std::string& synchronous = "FULL") {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    status_ = sqlite3_open_v2("/d/numbers.db", &connection_, flags, vfs.name());
    const std::vector<std::string> settings = {
        "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=" + synchronous, "PRAGMA wal_autocheckpoint=8",
        "CREATE TABLE IF NOT EXISTS numbers(n, blob)"};
    for (const std::string& sql : settings) {
      if (status_ == SQLITE_OK) status_ = Run(sql);
    }
  }
  ~Database() { sqlite3_close(connection_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  int status() const { return status_; }

  int Run(const std::string& sql) {
    return sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  }

  int Insert(int n) {
    return Run("INSERT INTO numbers VALUES(" + std::to_string(n) + ", randomblob(3000))");
  }

  std::string Text(const std::string& sql) {
    std::string text;
    const auto take = [](void* out, int, char** values, char**) {
      *static_cast<std::string*>(out) = values[0] == nullptr ? "NULL" : values[0];
      return 0;
    };
    const int result = sqlite3_exec(connection_, sql.c_str(), take, &text, nullptr);
    return result == SQLITE_OK ? text : sqlite3_errstr(result);
  }

  // So many numbers from 1 are there; -1: others than these are.
  int Count() {
    if (Text("SELECT count(*) = coalesce(max(n), 0) FROM numbers") != "1") return -1;
    return std::stoi(Text("SELECT count(*) FROM numbers"));
  }

 private:
  sqlite3* connection_ = nullptr;
  int status_ = SQLITE_OK;
};

// Inserts 1, 2, … as long as it works, and says up to which.
int InsertUpTo(Database* database, int last) {
  int n = database->Count();
  while (n < last && database->Insert(n + 1) == SQLITE_OK) ++n;
  return n;
}

TEST(FaultyVfsTest, ADatabaseKeepsItsRows) {
  SimulatedDisk disk(1);
  const FaultyVfs vfs(&disk);
  {
    Database database(vfs);
    ASSERT_EQ(database.status(), SQLITE_OK);
    EXPECT_EQ(database.Text("PRAGMA journal_mode"), "wal");
    EXPECT_EQ(InsertUpTo(&database, 20), 20);
    EXPECT_TRUE(disk.Exists("/d/numbers.db-wal"));
  }
  EXPECT_FALSE(disk.Exists("/d/numbers.db-wal"));
  Database database(vfs);
  EXPECT_EQ(database.Count(), 20);
  EXPECT_EQ(database.Text("PRAGMA integrity_check"), "ok");
}

TEST(FaultyVfsTest, APowerCutTakesNoCommittedRow) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SimulatedDisk disk(seed);
    const FaultyVfs vfs(&disk);
    const int committed = static_cast<int>(seed % 20);
    {
      Database database(vfs);
      ASSERT_EQ(InsertUpTo(&database, committed), committed);
      disk.CutPower();
      EXPECT_NE(database.Insert(committed + 1), SQLITE_OK);
    }
    disk.Restart();
    Database database(vfs);
    EXPECT_EQ(database.Count(), committed) << "seed " << seed;
  }
}

// The test of the test: without syncs the same cut does take rows.
TEST(FaultyVfsTest, APowerCutTakesRowsThatWereNotSynced) {
  int losses = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SimulatedDisk disk(seed);
    const FaultyVfs vfs(&disk);
    {
      Database database(vfs, "OFF");
      ASSERT_EQ(InsertUpTo(&database, 20), 20);
      disk.CutPower();
    }
    disk.Restart();
    Database database(vfs);
    if (database.status() != SQLITE_OK || database.Count() != 20) ++losses;
  }
  EXPECT_GT(losses, 20);
}

// SQLite's own promise, for every operation and kind of fault.
TEST(FaultyVfsTest, WhateverFailsCommittedRowsAreThere) {
  constexpr int kRows = 12;
  std::vector<Operation> operations;
  {
    SimulatedDisk disk(0);
    const FaultyVfs vfs(&disk);
    disk.Arm(std::nullopt);
    Database database(vfs);
    ASSERT_EQ(InsertUpTo(&database, kRows), kRows);
    operations = disk.operations();
  }
  ASSERT_THAT(operations.size(), Ge(2 * kRows));
  int cases = 0;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    for (const FaultKind kind : kAllFaultKinds) {
      if (!Fits(kind, operations[i])) continue;
      for (const bool forever : {false, true}) {
        const Fault fault{kind, static_cast<std::int64_t>(i) + 1, forever};
        SimulatedDisk disk(i);
        const FaultyVfs vfs(&disk);
        disk.Arm(fault);
        int committed = 0;
        {
          Database database(vfs);
          if (database.status() == SQLITE_OK) committed = InsertUpTo(&database, kRows);
          EXPECT_TRUE(disk.HasFailed()) << fault;
          disk.CutPower();
        }
        disk.Restart();
        Database database(vfs);
        ASSERT_EQ(database.status(), SQLITE_OK) << fault;
        // The row that was being written may be there too.
        EXPECT_THAT(database.Count(), AllOf(Ge(committed), Le(committed + 1))) << fault;
        EXPECT_EQ(database.Text("PRAGMA integrity_check"), "ok") << fault;
        ++cases;
      }
    }
  }
  EXPECT_GT(cases, 200);
}

}  // namespace
}  // namespace descent::crash
