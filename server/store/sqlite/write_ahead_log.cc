#include "server/store/sqlite/write_ahead_log.h"

#include <algorithm>

#include "clock/steady.h"
#include "core/status_macros.h"

namespace descent::store {
namespace {

// 256 MiB. Pages that were written several times until then are moved once; a longer log would make
// the commit that comes after the moving wait longer.
constexpr int kMostPages = 4096;
// When nothing has been committed for so long, moving makes nobody wait.
constexpr absl::Duration kIdle = absl::Seconds(1);
constexpr absl::Duration kTryAgain = absl::Seconds(1);

int CountPages(void* pages, sqlite3* /*database*/, const char* /*name*/, int count) {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

// `mode`: SQLITE_CHECKPOINT_PASSIVE, which leaves the file for the next commits to go over, or
// SQLITE_CHECKPOINT_TRUNCATE. The database is synced.
absl::Status Move(Connection* connection, int mode) {
  const int code = sqlite3_wal_checkpoint_v2(connection->get(), nullptr, mode, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : connection->ErrorOf(code);
}

}  // namespace

WriteAheadLog::WriteAheadLog(Connection* connection) : connection_(connection) {
  sqlite3_wal_hook(connection->get(), CountPages, &pages_);
}

absl::Time WriteAheadLog::due(absl::Time last_commit) const {
  return pages_ == 0 ? absl::InfiniteFuture() : std::max(last_commit + kIdle, next_try_);
}

absl::Status WriteAheadLog::MoveIfDue(absl::Time last_commit) {
  if (pages_ == 0) return absl::OkStatus();
  const absl::Time now = SteadyNow();
  const bool wanted = pages_ >= kMostPages || now - last_commit >= kIdle;
  if (!wanted || now < next_try_) return absl::OkStatus();
  absl::Status moved = Move(connection_, SQLITE_CHECKPOINT_PASSIVE);
  if (moved.ok()) {
    pages_ = 0;
    return absl::OkStatus();
  }
  if (!absl::IsResourceExhausted(moved)) return moved;
  next_try_ = now + kTryAgain;
  return absl::OkStatus();
}

absl::Status WriteAheadLog::Empty() {
  RETURN_IF_ERROR(Empty(connection_));
  pages_ = 0;
  return absl::OkStatus();
}

absl::Status WriteAheadLog::Empty(Connection* connection) {
  return Move(connection, SQLITE_CHECKPOINT_TRUNCATE);
}

}  // namespace descent::store
