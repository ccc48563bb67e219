// A store that is wrong on purpose: it says that a change is safe and only then hands it on. The
// tests that find lost acknowledgements are tested with it.

#ifndef TESTS_CRASH_EARLY_STORE_H_
#define TESTS_CRASH_EARLY_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/store/sqlite_options.h"
#include "server/store/store.h"

namespace descent::crash {

// As RunDescentd takes it.
using OpenStore =
    absl::StatusOr<std::unique_ptr<store::Store>> (*)(const store::SqliteStoreOptions& options);

// Appends are acknowledged before `store` has them, the rest as `store` does it.
std::unique_ptr<store::Store> MakeEarlyStore(std::unique_ptr<store::Store> store);

// OpenSqliteStore, made early.
absl::StatusOr<std::unique_ptr<store::Store>> OpenEarlyStore(
    const store::SqliteStoreOptions& options);

}  // namespace descent::crash

#endif  // TESTS_CRASH_EARLY_STORE_H_
