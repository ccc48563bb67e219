#include "server/store/files/sqlite_words.h"

#include <sqlite3.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/tables/sqlite_connection.h"
#include "tests/support/status_matchers.h"

namespace descent::store {
namespace {

using ::descent::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(SqliteWordsTest, SayWhatHappened) {
  EXPECT_EQ(InWords(SQLITE_FULL), "the disk is full (SQLITE_FULL)");
  EXPECT_EQ(InWords(SQLITE_IOERR_FSYNC), "syncing failed (SQLITE_IOERR_FSYNC)");
  EXPECT_EQ(InWords(SQLITE_CORRUPT), "database disk image is malformed (SQLITE_CORRUPT)");
  EXPECT_THAT(InWords(SQLITE_IOERR_BLOCKED),
              HasSubstr("reading or writing failed (SQLITE_IOERR, code "));
}

TEST(SqliteWordsTest, NoErrorIsNotAnError) {
  for (int code = SQLITE_ERROR; code <= SQLITE_NOTADB; ++code) {
    if (code == SQLITE_EMPTY || code == SQLITE_FORMAT) continue;  // SQLite does not use them
    EXPECT_THAT(InWords(code), Not(HasSubstr("not an error"))) << code;
    EXPECT_THAT(InWords(code), MatchesRegex(".+ \\(SQLITE_[A-Z]+\\)")) << code;
  }
}

// Moving the log and copying pages fail with codes that the connection has not heard of.
TEST(SqliteWordsTest, TheConnectionsLastCallIsNotTakenForTheFailure) {
  auto connection = Connection::Open(":memory:", SQLITE_OPEN_READWRITE, nullptr);
  ASSERT_THAT(connection, IsOk());
  ASSERT_THAT((*connection)->Execute("CREATE TABLE t (x)"), IsOk());
  const std::string full((*connection)->ErrorOf(SQLITE_FULL).message());
  EXPECT_THAT(full, HasSubstr("the disk is full (SQLITE_FULL)"));
  EXPECT_THAT(full, Not(HasSubstr("not an error")));
  const std::string syntax((*connection)->Execute("CREATE TABLE").message());
  EXPECT_THAT(syntax, HasSubstr("SQL logic error (SQLITE_ERROR): incomplete input"));
}

}  // namespace
}  // namespace descent::store
