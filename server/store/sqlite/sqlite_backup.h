// Copies of the whole store, made beside the commits.

#ifndef SERVER_STORE_SQLITE_SQLITE_BACKUP_H_
#define SERVER_STORE_SQLITE_SQLITE_BACKUP_H_

#include <sqlite3.h>

#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/store/sqlite_options.h"
#include "server/store/store.h"
#include "server/store/tables/sqlite_connection.h"

namespace descent::store {

struct StoreParts;

// Where the store's database is.
std::string DatabasePath(const SqliteStoreOptions& options);

// Removes what a crash has left of a backup.
absl::Status RemoveBackupRemains(const SqliteStoreOptions& options);

// One at a time, by SQLite's backup: some pages at each step, and what is committed in between is
// copied along; at the end, what the journal's log holds. The copy is a file beside the database
// that has no name any more when it is read. Used by the store's thread.
class SqliteBackup {
 public:
  // Must outlive it.
  explicit SqliteBackup(StoreParts* parts) : parts_(*parts) {}

  void Add(OnBackup done) { waiting_.push_back(std::move(done)); }
  bool empty() const { return waiting_.empty(); }

  // Copies the next pages, and calls back when it is done. Not within a transaction.
  void Step();

 private:
  struct Finish {
    void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
  };

  absl::Status Begin();
  // True when all is copied.
  absl::StatusOr<bool> Copy();
  // Copies the rows that are only in the journal's log.
  absl::Status CopyJournalLog();
  absl::StatusOr<std::unique_ptr<Backup>> Open();

  StoreParts& parts_;
  std::deque<OnBackup> waiting_;
  // These belong to the first backup that waits.
  std::unique_ptr<Connection> copy_;
  std::unique_ptr<sqlite3_backup, Finish> backup_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_SQLITE_BACKUP_H_
