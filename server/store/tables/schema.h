// What the store's file is made of, and how a file of an older version becomes one of this.

#ifndef SERVER_STORE_TABLES_SCHEMA_H_
#define SERVER_STORE_TABLES_SCHEMA_H_

#include <cstdint>

#include "absl/status/status.h"
#include "server/store/tables/sqlite_connection.h"

namespace descent::store {

// In the file's header: "Dsct" where the file is all there is, "Dscl" where it belongs together
// with logs, because a server has it open or had when it ended otherwise than in order.
inline constexpr std::int64_t kApplicationId = 0x44736374;
inline constexpr std::int64_t kLiveApplicationId = 0x4473636c;

// The format that this version writes: the file's user_version.
inline constexpr std::int64_t kSchemaVersion = 3;

// Makes a connection that was just opened ready for use: its settings, a write-ahead log, and the
// tables of a new file, or those of an older version brought to this one in one transaction. Then
// checks the file: SQLite's quick_check, and that the tables are what this version makes. A file
// that is not ours, or newer, is left as it is. `read_only`: an older one is changed in a
// transaction that is never committed, and goes with the connection.
//
// FAILED_PRECONDITION (STORAGE_VERSION) if a newer version has written it, DATA_LOSS
// (STORED_STATE_DAMAGED) if it is damaged or something else.
absl::Status PrepareDatabase(Connection* connection, bool read_only);

// Says in the header whether the file belongs together with logs: a transaction of its own where
// that changes, which is in the file when the write-ahead log has been moved into it.
absl::Status MarkLive(Connection* connection, bool live);

}  // namespace descent::store

#endif  // SERVER_STORE_TABLES_SCHEMA_H_
