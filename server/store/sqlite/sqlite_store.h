// The store in one SQLite file; docs/storage_format.md describes it.

#ifndef SERVER_STORE_SQLITE_SQLITE_STORE_H_
#define SERVER_STORE_SQLITE_SQLITE_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/store/sqlite_options.h"
#include "server/store/store.h"

namespace descent::store {

// Opens or makes the store. Errors:
//   FAILED_PRECONDITION (DATA_DIRECTORY_IN_USE) another process has it, with its id;
//   FAILED_PRECONDITION (STORAGE_VERSION) a newer version has written it;
//   DATA_LOSS (STORED_STATE_DAMAGED) the file itself is damaged, rather than one model's data;
//   UNAVAILABLE (STORAGE_FAILED) it can't be made, read or written, with the system's reason.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteStoreOptions& options);

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_SQLITE_STORE_H_
