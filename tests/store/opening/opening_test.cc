// What keeps a store from being opened, and how that is said.

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/tables/schema.h"
#include "tests/store/live_model.h"
#include "tests/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;
using ::descent::testing::ReasonIs;
using ::descent::testing::StatusIs;
using ::testing::AllOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::SizeIs;

class OpeningTest : public StoreFixture {
 protected:
  std::string Database() const { return options_.directory + "/descent.db"; }

  void MakeStore() {
    Open();
    Create(SampleSettings("a"));
    store_ = nullptr;
  }

  void Execute(const char* sql) {
    auto connection =
        Connection::Open(Database(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    ASSERT_THAT(connection, IsOk());
    ASSERT_THAT((*connection)->Execute(sql), IsOk());
  }
};

TEST_F(OpeningTest, ASecondOpenerIsToldWhoHasIt) {
  Open();
  EXPECT_THAT(OpenSqliteStore(options_),
              AllOf(ReasonIs("DATA_DIRECTORY_IN_USE"),
                    StatusIs(absl::StatusCode::kFailedPrecondition,
                             HasSubstr(absl::StrCat("process ", ::getpid())))));
  store_ = nullptr;
  EXPECT_THAT(OpenSqliteStore(options_), IsOk());
}

TEST_F(OpeningTest, AFileOfANewerVersionIsLeftAlone) {
  MakeStore();
  Execute(absl::StrCat("PRAGMA user_version = ", kSchemaVersion + 1).c_str());
  EXPECT_THAT(OpenSqliteStore(options_), ReasonIs("STORAGE_VERSION"));
  Execute(absl::StrCat("PRAGMA user_version = ", kSchemaVersion).c_str());
  EXPECT_THAT(Reopen(), SizeIs(1));
}

TEST_F(OpeningTest, ANewDirectoryIsItsOwnersAlone) {
  Open();
  EXPECT_EQ(std::filesystem::status(options_.directory).permissions(),
            std::filesystem::perms::owner_all);
}

TEST_F(OpeningTest, ADatabaseOfSomethingElseIsLeftAlone) {
  std::filesystem::create_directories(options_.directory);
  Execute("CREATE TABLE theirs (x)");
  const auto read = [&] {
    std::ifstream stream(Database(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  const std::string before = read();
  EXPECT_THAT(OpenSqliteStore(options_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not a store of Descent")));
  EXPECT_TRUE(read() == before);
}

TEST_F(OpeningTest, AFileThatIsNoDatabaseIsLeftAlone) {
  std::filesystem::create_directories(options_.directory);
  const std::string text(100'000, 'x');
  std::ofstream(Database()) << text;
  EXPECT_THAT(OpenSqliteStore(options_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not a database")));
  EXPECT_THAT(std::filesystem::file_size(Database()), Eq(text.size()));
}

TEST_F(OpeningTest, TablesThatThisVersionDoesNotMakeAreDamage) {
  MakeStore();
  Execute("CREATE TABLE another (x)");
  EXPECT_THAT(OpenSqliteStore(options_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("tables")));
  Execute("DROP TABLE another");
  Execute("ALTER TABLE models RENAME COLUMN name TO title");
  EXPECT_THAT(OpenSqliteStore(options_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("tables")));
}

TEST_F(OpeningTest, ALogWithoutItsDatabaseIsDamage) {
  Open();
  Create(SampleSettings("a"));
  TemporaryDirectory copy;
  std::filesystem::copy_file(Database() + "-wal", copy.path() + "/descent.db-wal");
  options_.directory = copy.path();
  EXPECT_THAT(OpenSqliteStore(options_),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("descent.db is missing")));
}

// As files that were copied from a running server, or are left of them.
class IncompleteTest : public OpeningTest {
 protected:
  // A directory with these files of a store that is open, with a model at step 3.
  void CopyOfARunningStore(const std::vector<std::string>& files) {
    Open();
    {
      std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
      for (int step = 1; step <= 3; ++step) ASSERT_THAT(model->StepNow(step), IsOk());
      for (const std::string& file : files) {
        std::filesystem::copy_file(options_.directory + "/" + file, copy_.path() + "/" + file);
      }
    }
    store_ = nullptr;
    options_.directory = copy_.path();
  }

  void ExpectRefused(const std::string& what) {
    for (const bool read_only : {true, false, false}) {  // and again: it is left as it is
      options_.read_only = read_only;
      EXPECT_THAT(OpenSqliteStore(options_),
                  AllOf(ReasonIs("STORED_STATE_DAMAGED"),
                        StatusIs(absl::StatusCode::kDataLoss, HasSubstr(what))))
          << read_only;
    }
  }

  TemporaryDirectory copy_;
};

TEST_F(IncompleteTest, ALoneDatabaseOfARunningStoreIsNoBackup) {
  CopyOfARunningStore({"descent.db"});
  ExpectRefused("descent.db-wal and journal.0 are missing: descent.db was copied from a running");
  options_.accept_missing_logs = true;
  EXPECT_THAT(Reopen(), SizeIs(Le(1))) << "the model may have been in the logs alone";
  store_ = nullptr;
  options_.accept_missing_logs = false;
  Open();
}

TEST_F(IncompleteTest, AMissingLogOfSqlitesIsNoticed) {
  CopyOfARunningStore({"descent.db", "journal.0"});
  ExpectRefused("descent.db-wal is missing");
}

TEST_F(IncompleteTest, AMissingJournalIsNoticed) {
  CopyOfARunningStore({"descent.db", "descent.db-wal"});
  ExpectRefused("journal.0 is missing");
}

TEST_F(IncompleteTest, LogsWithoutTheirDatabaseAreNoticed) {
  CopyOfARunningStore({"descent.db-wal", "journal.0"});
  ExpectRefused("descent.db is missing");
}

TEST_F(IncompleteTest, AJournalWithoutItsDatabaseIsNoticed) {
  CopyOfARunningStore({"journal.0"});
  ExpectRefused("descent.db is missing");
}

TEST_F(IncompleteTest, AllFilesTogetherAreAStore) {
  CopyOfARunningStore({"descent.db", "descent.db-wal", "journal.0"});
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_EQ(models[0]->State().step, 3);
}

TEST_F(IncompleteTest, WhatWasStoppedInOrderIsOneFile) {
  MakeStore();
  std::filesystem::copy_file(Database(), copy_.path() + "/descent.db");
  options_.directory = copy_.path();
  EXPECT_THAT(Reopen(), SizeIs(1));
}

TEST_F(IncompleteTest, AStoreThatIsRefusedForAnotherReasonKeepsItsLogs) {
  CopyOfARunningStore({"descent.db", "descent.db-wal", "journal.0"});
  options_.build = "";  // no matter
  EXPECT_THAT(Reopen(), SizeIs(1));
  store_ = nullptr;
  EXPECT_FALSE(std::filesystem::exists(Database() + "-wal"));
}

class SpoiltTest : public OpeningTest {
 protected:
  void Overwrite(const std::string& contents) {
    std::ofstream(Database(), std::ios::binary | std::ios::trunc) << contents;
  }
  std::string Contents() const {
    std::ifstream stream(Database(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }
  void ExpectRefused(const std::string& what) {
    const std::string before = Contents();
    for (const bool read_only : {true, false, false}) {
      options_.read_only = read_only;
      EXPECT_THAT(OpenSqliteStore(options_),
                  AllOf(ReasonIs("STORED_STATE_DAMAGED"),
                        StatusIs(absl::StatusCode::kDataLoss, HasSubstr(what))));
      EXPECT_TRUE(Contents() == before) << "it is left as it is";
    }
  }
};

TEST_F(SpoiltTest, AnEmptyFileIsNotANewStore) {
  MakeStore();
  Overwrite("");
  ExpectRefused("descent.db is empty (0 bytes)");
}

TEST_F(SpoiltTest, AFileOfZerosIsNoStore) {
  MakeStore();
  Overwrite(std::string(Contents().size(), '\0'));
  ExpectRefused("not a database");
  Overwrite(std::string(10, '\0'));
  ExpectRefused("not a database");
}

TEST_F(SpoiltTest, AFileCutToItsFirstPageIsDamaged) {
  MakeStore();
  Overwrite(Contents().substr(0, 65536));
  ExpectRefused("");
}

TEST_F(SpoiltTest, AFileCutWithinAPageIsDamaged) {
  MakeStore();
  const std::string whole = Contents();
  for (const std::size_t size : {std::size_t{50}, std::size_t{100}, std::size_t{512},
                                 std::size_t{65535}, whole.size() - 1, whole.size() - 65536}) {
    Overwrite(whole.substr(0, size));
    ExpectRefused("");
  }
}

TEST_F(SpoiltTest, AStoreWhoseMakingACrashHasEndedIsMadeAnew) {
  std::filesystem::create_directories(options_.directory);
  std::ofstream(options_.directory + "/journal.0") << "";
  EXPECT_THAT(Reopen(), SizeIs(0)) << "before the database";
  store_ = nullptr;
  std::filesystem::remove(Database());
  std::ofstream(options_.directory + "/journal.0") << "";
  Overwrite("");
  EXPECT_THAT(Reopen(), SizeIs(0)) << "while the database was made";
}

TEST_F(OpeningTest, ADirectoryThatCannotBeMadeIsSaid) {
  const std::string file = directory_.path() + "/file";
  std::ofstream(file) << "x";
  options_.directory = file + "/data";
  EXPECT_THAT(OpenSqliteStore(options_),
              AllOf(ReasonIs("STORAGE_FAILED"),
                    StatusIs(absl::StatusCode::kUnavailable, HasSubstr("Not a directory"))));
}

// Rights do not bind root, so the test gives up being root for this thread.
TEST_F(OpeningTest, ADirectoryThatCannotBeWrittenIsSaid) {
  MakeStore();
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(options_.directory, std::filesystem::perms(0555));
  const uid_t user = ::geteuid();
  if (user == 0) {
    ASSERT_THAT(::seteuid(65534), Eq(0));
  }
  const auto opened = OpenSqliteStore(options_);
  if (user == 0) {
    ASSERT_THAT(::seteuid(user), Eq(0));
  }
  std::filesystem::permissions(options_.directory, std::filesystem::perms(0755));
  EXPECT_THAT(opened, AllOf(ReasonIs("STORAGE_FAILED"), StatusIs(absl::StatusCode::kUnavailable,
                                                                 HasSubstr("ermission denied"))));
}

TEST_F(OpeningTest, AFileThatCannotBeWrittenIsSaid) {
  MakeStore();
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(options_.directory, std::filesystem::perms(0777));
  std::filesystem::permissions(options_.directory + "/descentd.lock", std::filesystem::perms(0666));
  std::filesystem::permissions(Database(), std::filesystem::perms(0444));
  const uid_t user = ::geteuid();
  if (user == 0) {
    ASSERT_THAT(::seteuid(65534), Eq(0));
  }
  const auto opened = OpenSqliteStore(options_);
  if (user == 0) {
    ASSERT_THAT(::seteuid(user), Eq(0));
  }
  EXPECT_THAT(opened, ReasonIs("STORAGE_FAILED"));
}

TEST_F(OpeningTest, ReadingOnlyNeedsAStoreAndMakesNone) {
  options_.read_only = true;
  EXPECT_THAT(OpenSqliteStore(options_), ReasonIs("STORAGE_FAILED"));
  EXPECT_FALSE(std::filesystem::exists(Database()));
}

TEST_F(OpeningTest, ReadingOnlyLeavesTheLogAsItIs) {
  Open();
  const ModelState state = [&] {
    std::unique_ptr<LiveModel> model = Create(SampleSettings("a"));
    EXPECT_THAT(model->StepNow(1), IsOk());
    return model->State();
  }();
  // As a crash would leave it.
  TemporaryDirectory copy;
  for (const char* file : {"/descent.db", "/descent.db-wal", "/journal.0"}) {
    std::filesystem::copy_file(options_.directory + file, copy.path() + file);
  }
  store_ = nullptr;
  options_.directory = copy.path();
  options_.read_only = true;
  const auto read = [&](const char* file) {
    std::ifstream stream(copy.path() + file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  };
  const std::string database = read("/descent.db");
  const std::string log = read("/descent.db-wal");
  const std::string journal = read("/journal.0");
  auto models = Reopen();
  ASSERT_THAT(models, SizeIs(1));
  EXPECT_THAT(models[0]->State(), Eq(state));
  EXPECT_THAT(models[0]->StepNow(2), ReasonIs("STORAGE_FAILED"));
  models.clear();
  store_ = nullptr;
  EXPECT_TRUE(read("/descent.db") == database);
  EXPECT_TRUE(read("/descent.db-wal") == log);
  EXPECT_TRUE(read("/journal.0") == journal);
}

TEST_F(OpeningTest, ClosingLeavesNoLog) {
  MakeStore();
  EXPECT_FALSE(std::filesystem::exists(Database() + "-wal"));
  EXPECT_FALSE(std::filesystem::exists(Database() + "-shm"));
  EXPECT_FALSE(std::filesystem::exists(options_.directory + "/journal.0"));
}

}  // namespace
}  // namespace descent::store
