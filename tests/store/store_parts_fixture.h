// What the store's thread works with, without the thread: a test takes its steps one by one.

#ifndef TESTS_STORE_STORE_PARTS_FIXTURE_H_
#define TESTS_STORE_STORE_PARTS_FIXTURE_H_

#include <filesystem>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "server/store/sqlite/store_parts.h"
#include "server/store/tables/schema.h"
#include "tests/store/temporary_directory.h"
#include "tests/support/status_matchers.h"

namespace descent::store {

class StorePartsFixture : public ::testing::Test {
 protected:
  StorePartsFixture() {
    options_.directory = directory_.path();
    options_.build = "test build";
    sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    EXPECT_THAT(JournalLog::MakeFirst(vfs, options_.directory), descent::testing::IsOk());
    auto log = JournalLog::Open({.vfs = vfs,
                                 .directory = options_.directory,
                                 .file_bytes = options_.journal_log_bytes,
                                 .read_only = false,
                                 .is_needed = false});
    EXPECT_THAT(log, descent::testing::IsOk());
    log_ = *std::move(log);
    auto connection = Connection::Open(options_.directory + "/descent.db",
                                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    EXPECT_THAT(connection, descent::testing::IsOk());
    connection_ = *std::move(connection);
    EXPECT_THAT(PrepareDatabase(connection_.get(), /*read_only=*/false), descent::testing::IsOk());
    parts_ = std::make_unique<StoreParts>(options_, connection_.get(), log_.get());
    EXPECT_THAT(parts_->Load(), descent::testing::IsOk());
  }

  void Execute(const char* sql) {
    ASSERT_THAT(connection_->Execute(sql), descent::testing::IsOk());
  }
  std::int64_t Query(const std::string& sql) {
    const auto answer = connection_->QueryInt(sql.c_str());
    EXPECT_THAT(answer, descent::testing::IsOk()) << sql;
    return answer.value_or(-1);
  }

  TemporaryDirectory directory_;
  SqliteStoreOptions options_;
  std::unique_ptr<JournalLog> log_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<StoreParts> parts_;
};

}  // namespace descent::store

#endif  // TESTS_STORE_STORE_PARTS_FIXTURE_H_
