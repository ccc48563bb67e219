// How the program opens a data directory.

#ifndef SERVER_OPEN_STORE_H_
#define SERVER_OPEN_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/sqlite_options.h"
#include "server/store/store.h"

namespace descent {

// store::OpenSqliteStore, but for tests of the tests.
using OpenStore =
    absl::StatusOr<std::unique_ptr<store::Store>> (*)(const store::SqliteStoreOptions& options);

// What the store records of who wrote it.
std::string BuildName();

}  // namespace descent

#endif  // SERVER_OPEN_STORE_H_
