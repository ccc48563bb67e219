// The real server, in this process and without a port, on a real store.

#ifndef TESTS_SERVICES_DISK_SERVICE_FIXTURE_H_
#define TESTS_SERVICES_DISK_SERVICE_FIXTURE_H_

#include <utility>

#include "absl/synchronization/notification.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/services/service_fixture.h"
#include "tests/store/temporary_directory.h"

namespace descent::testing {

// Begins in memory, until RestartOnDisk.
class DiskServiceTest : public ServiceTest {
 protected:
  ~DiskServiceTest() override { Stop(); }

  // Ends what uses the store.
  void Stop() {
    client_.reset();
    server_.reset();
    registry_.reset();
  }

  // Serves what the directory has, all of it recovered.
  void RestartOnDisk() {
    Stop();
    store::SqliteStoreOptions options;
    options.directory = directory_.path();
    options.build = "test build";
    options.instruction_set = "test set";
    options.vfs = vfs_name_;
    auto store = store::OpenSqliteStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    Start();
    absl::Notification recovered;
    registry_->Recover([&](const models::RecoverySummary& summary) {
      EXPECT_EQ(summary.quarantined, 0);
      recovered.Notify();
    });
    recovered.WaitForNotification();
    server_->StartServing();
  }

  store::TemporaryDirectory directory_;
  const char* vfs_name_ = nullptr;  // SQLite's file system; null: its usual one
};

}  // namespace descent::testing

#endif  // TESTS_SERVICES_DISK_SERVICE_FIXTURE_H_
