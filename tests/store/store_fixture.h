// A store in a directory of its own, to be closed and opened again.

#ifndef TESTS_STORE_STORE_FIXTURE_H_
#define TESTS_STORE_STORE_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/tables/sqlite_connection.h"
#include "tests/store/live_model.h"
#include "tests/store/temporary_directory.h"
#include "tests/support/status_matchers.h"

namespace descent::store {

class StoreFixture : public ::testing::Test {
 protected:
  StoreFixture() {
    options_.directory = directory_.path() + "/data/store";
    options_.build = "test build";
    options_.instruction_set = "test set";
  }

  void Open() {
    store_ = nullptr;
    auto store = OpenSqliteStore(options_);
    ASSERT_THAT(store, descent::testing::IsOk());
    store_ = *std::move(store);
  }

  // Closes and opens again; the models that are found.
  std::vector<std::unique_ptr<LiveModel>> Reopen() {
    Open();
    if (store_ == nullptr) return {};
    auto models = RecoverAll(store_.get());
    EXPECT_THAT(models, descent::testing::IsOk());
    return models.ok() ? *std::move(models) : std::vector<std::unique_ptr<LiveModel>>();
  }

  std::unique_ptr<LiveModel> Create(const ModelSettings& settings) {
    auto model = LiveModel::Create(store_.get(), settings);
    EXPECT_THAT(model, descent::testing::IsOk());
    return *std::move(model);
  }

  // Ends the model's calls, and it with the store; then what is found of it.
  ModelState RecoveredState(std::unique_ptr<LiveModel> model) {
    const std::string name = model->settings().name;
    model = nullptr;
    for (const auto& recovered : Reopen()) {
      if (recovered->settings().name == name) return recovered->State();
    }
    ADD_FAILURE() << "model " << name << " is gone";
    return {};
  }

  // One number that a statement answers, asked of the file while the store is closed.
  std::int64_t Query(const char* sql) {
    auto connection = Connection::Open(options_.directory + "/descent.db",
                                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, options_.vfs);
    EXPECT_THAT(connection, descent::testing::IsOk());
    const auto answer = (*connection)->QueryInt(sql);
    EXPECT_THAT(answer, descent::testing::IsOk());
    return answer.value_or(-1);
  }

  TemporaryDirectory directory_;
  SqliteStoreOptions options_;
  std::unique_ptr<Store> store_;
};

}  // namespace descent::store

#endif  // TESTS_STORE_STORE_FIXTURE_H_
