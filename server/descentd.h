// The program: options -> wired objects -> a server, until a signal ends it.

#ifndef SERVER_DESCENTD_H_
#define SERVER_DESCENTD_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/sqlite_options.h"
#include "server/store/store.h"

namespace descent {

// What opens a data directory: store::OpenSqliteStore, but for tests of the tests.
using OpenStore =
    absl::StatusOr<std::unique_ptr<store::Store>> (*)(const store::SqliteStoreOptions& options);

// What the store records of who wrote it.
std::string BuildName();

// Returns the exit status, see server/options.h.
int RunDescentd(int argc, const char* const* argv, OpenStore open_store);

}  // namespace descent

#endif  // SERVER_DESCENTD_H_
