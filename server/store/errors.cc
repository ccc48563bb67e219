#include "server/store/errors.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/error.h"
#include "core/text_view.h"

namespace descent::store {
namespace {

// About how long it takes until a store that was full looks for room again.
constexpr absl::Duration kRetryAfter = absl::Seconds(1);

}  // namespace

absl::Status StoredStateDamaged(std::string_view what) {
  return Error(absl::StatusCode::kDataLoss, "STORED_STATE_DAMAGED",
               absl::StrCat("stored state is damaged and was not loaded: ", View(what)),
               {{"damage", std::string(what)}});
}

absl::Status CheckpointNotFound(std::int64_t step) {
  return Error(absl::StatusCode::kNotFound, "CHECKPOINT_NOT_FOUND",
               absl::StrCat("the model has no checkpoint of step ", step),
               {{"step", absl::StrCat(step)}});
}

absl::Status StorageFull(std::string_view detail) {
  return WithRetryAfter(
      Error(absl::StatusCode::kResourceExhausted, "STORAGE_FULL",
            absl::StrCat("the disk of the data directory is full, so nothing can be acknowledged "
                         "until there is room: ",
                         View(detail))),
      kRetryAfter);
}

absl::Status StorageFailed(std::string_view detail) {
  return Error(absl::StatusCode::kUnavailable, "STORAGE_FAILED",
               absl::StrCat("the data directory can't be read or written, so nothing can be "
                            "acknowledged until the server is started again: ",
                            View(detail)));
}

absl::Status DataDirectoryInUse(std::string_view directory, std::string_view holder) {
  return Error(absl::StatusCode::kFailedPrecondition, "DATA_DIRECTORY_IN_USE",
               absl::StrCat("the data directory ", View(directory), " is in use by ", View(holder)),
               {{"directory", std::string(directory)}});
}

absl::Status StorageVersion(std::int64_t found, std::int64_t newest_known) {
  return Error(absl::StatusCode::kFailedPrecondition, "STORAGE_VERSION",
               absl::StrCat("the data directory was written by a newer version (format ", found,
                            ", this version knows formats up to ", newest_known, ")"),
               {{"found", absl::StrCat(found)}, {"newest_known", absl::StrCat(newest_known)}});
}

}  // namespace descent::store
