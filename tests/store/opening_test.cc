// What keeps a store from being opened, and how that is said.

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/schema.h"
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
