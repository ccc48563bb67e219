// What a store answers when something is not right, each with its reason and facts.

#ifndef SERVER_STORE_ERRORS_H_
#define SERVER_STORE_ERRORS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace descent::store {

// DATA_LOSS, STORED_STATE_DAMAGED. `what`: which part, and how it is seen.
absl::Status StoredStateDamaged(std::string_view what);
// NOT_FOUND, CHECKPOINT_NOT_FOUND.
absl::Status CheckpointNotFound(std::int64_t step);
// RESOURCE_EXHAUSTED, STORAGE_FULL, with advice to call again.
absl::Status StorageFull(std::string_view detail);
// UNAVAILABLE, STORAGE_FAILED. `detail`: the system's reason.
absl::Status StorageFailed(std::string_view detail);
// FAILED_PRECONDITION, DATA_DIRECTORY_IN_USE. `holder`: who has it.
absl::Status DataDirectoryInUse(std::string_view directory, std::string_view holder);
// FAILED_PRECONDITION, STORAGE_VERSION.
absl::Status StorageVersion(std::int64_t found, std::int64_t newest_known);

}  // namespace descent::store

#endif  // SERVER_STORE_ERRORS_H_
