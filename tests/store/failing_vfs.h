// SQLite's file system with failures on demand.

#ifndef TESTS_STORE_FAILING_VFS_H_
#define TESTS_STORE_FAILING_VFS_H_

#include <sqlite3.h>

#include <atomic>
#include <string>

namespace descent::store {

// Registered while it lives; used by one store at a time.
class FailingVfs {
 public:
  FailingVfs();
  ~FailingVfs();
  FailingVfs(const FailingVfs&) = delete;
  FailingVfs& operator=(const FailingVfs&) = delete;

  const char* name() const { return name_.c_str(); }

  // What writing answers from now on: SQLITE_OK passes it on, SQLITE_FULL, SQLITE_IOERR_WRITE, …
  // fail without writing.
  std::atomic<int> write_result = SQLITE_OK;
  // So many writes still pass before write_result counts.
  std::atomic<int> writes_before = 0;
  // The same for syncing.
  std::atomic<int> sync_result = SQLITE_OK;
  // And for reading.
  std::atomic<int> read_result = SQLITE_OK;

  // How often something was written, or synced, failing or not.
  std::atomic<int> writes = 0;
  std::atomic<int> syncs = 0;

 private:
  std::string name_;
  sqlite3_vfs vfs_;
};

}  // namespace descent::store

#endif  // TESTS_STORE_FAILING_VFS_H_
