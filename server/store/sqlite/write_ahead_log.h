// SQLite's write-ahead log, descent.db-wal: when it is moved into the database.

#ifndef SERVER_STORE_SQLITE_WRITE_AHEAD_LOG_H_
#define SERVER_STORE_SQLITE_WRITE_AHEAD_LOG_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/store/tables/sqlite_connection.h"

namespace descent::store {

// Transactions are appended to the log, and synced there. SQLite would move its pages into the
// database within some commit (wal_autocheckpoint), which would make that one long; instead the
// store's thread does it between commits, when the log is long or nothing else is to be done. (Not
// the journal's log, which is the store's own: log/journal_log.h.)
class WriteAheadLog {
 public:
  // Must outlive the connection's last commit.
  explicit WriteAheadLog(Connection* connection);
  WriteAheadLog(const WriteAheadLog&) = delete;
  WriteAheadLog& operator=(const WriteAheadLog&) = delete;

  // When, by SteadyNow, MoveIfDue will move it if nothing is committed until then; the infinite
  // future if there is nothing to move. `last_commit`: when anything was committed last.
  absl::Time due(absl::Time last_commit) const;

  // Moves what the log has into the database, if it is time. While that has no room nothing is
  // wrong: all is in the log, commits go on for as long as that can grow, and it is tried again.
  absl::Status MoveIfDue(absl::Time last_commit);

  // Moves all of it, which makes it last in the database, and empties the file.
  absl::Status Empty();
  static absl::Status Empty(Connection* connection);

 private:
  Connection* const connection_;
  int pages_ = 0;  // not yet moved
  absl::Time next_try_ = absl::InfinitePast();
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_WRITE_AHEAD_LOG_H_
