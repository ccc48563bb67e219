// Whether the files of a data directory that belong together are there together.
//
// SQLite takes an empty file for a new database, and a database without its log for one that needs
// none. Both can be what is left of a store whose models are to be found nowhere else. So it is
// looked before SQLite opens anything.
//
// While a server has a store open the database's header says so (schema.h): from then on it belongs
// together with its write-ahead log and the journal's log, whose first file is always there. When a
// store is made that file is made before the database: a database of no bytes beside an empty one
// is the beginning of a store that a crash has ended.

#ifndef SERVER_STORE_OPENING_FILES_CHECK_H_
#define SERVER_STORE_OPENING_FILES_CHECK_H_

#include <sqlite3.h>

#include <string>

#include "absl/status/statusor.h"

namespace descent::store {

// `path`: of the database, which must not be open. True if the logs belong to it. DATA_LOSS
// (STORED_STATE_DAMAGED), saying what is missing and what to do, if something is; with
// `accept_missing_logs` false for a database whose logs are missing.
absl::StatusOr<bool> CheckFiles(sqlite3_vfs* vfs, const std::string& directory,
                                const std::string& path, bool accept_missing_logs);

}  // namespace descent::store

#endif  // SERVER_STORE_OPENING_FILES_CHECK_H_
