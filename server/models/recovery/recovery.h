// Bringing a stored model back: its newest checkpoint, then the journal applied again through the
// same engine, which gives the same bits.

#ifndef SERVER_MODELS_RECOVERY_RECOVERY_H_
#define SERVER_MODELS_RECOVERY_RECOVERY_H_

#include <atomic>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/models/requests/remembered.h"
#include "server/models/state/model_state.h"
#include "server/models/work/resources.h"
#include "server/store/store.h"

namespace descent::models {

// What was applied again of a journal.
struct Replayed {
  std::int64_t updates = 0;
  // State hashes that were recorded and have been found the same.
  std::int64_t compared_hashes = 0;
  // Of the updates: those that another engine version wrote, or a build from before engines had
  // versions. They are as valid, but may lead to other bits, so their hashes are not compared.
  std::int64_t of_other_engines = 0;
};

struct RecoveredModel {
  ModelState::Parts parts;
  Remembered remembered;
  Replayed replayed;
};

// Waits for disk and compute. `stored` gives up its journal on success only. Errors:
//   DATA_LOSS (STORED_STATE_DAMAGED) what is stored fails its checks, or applying it does not give
//     the states whose hashes were recorded;
//   RESOURCE_EXHAUSTED (MEMORY_BUDGET) it does not fit; CANCELLED once `stop` is true;
//   others: the store can't be read now.
// `progress` is called now and then, with the records replayed so far.
absl::StatusOr<RecoveredModel> RecoverModel(
    store::StoredModel* stored, Resources* resources, const std::atomic<bool>& stop,
    absl::FunctionRef<void(std::int64_t replayed)> progress);

}  // namespace descent::models

#endif  // SERVER_MODELS_RECOVERY_RECOVERY_H_
