// Bringing a stored model back: its newest checkpoint, then the journal applied again through the
// same engine, which gives the same bits.

#ifndef SERVER_MODELS_RECOVERY_H_
#define SERVER_MODELS_RECOVERY_H_

#include <atomic>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/models/model_state.h"
#include "server/models/remembered.h"
#include "server/models/resources.h"
#include "server/store/store.h"

namespace descent::models {

struct RecoveredModel {
  ModelState::Parts parts;
  Remembered remembered;
  std::int64_t replayed = 0;  // records of the journal
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

#endif  // SERVER_MODELS_RECOVERY_H_
