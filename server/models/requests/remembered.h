// What a model that was recovered remembers of its callers.

#ifndef SERVER_MODELS_REQUESTS_REMEMBERED_H_
#define SERVER_MODELS_REQUESTS_REMEMBERED_H_

#include <vector>

#include "server/store/records.h"

namespace descent::models {

// All are empty for a new model.
struct Remembered {
  std::vector<store::SessionRecord> sessions;
  std::vector<store::RememberedAnswer> answers;    // oldest first
  std::vector<store::CheckpointInfo> checkpoints;  // those that answers speak of, if still there
};

}  // namespace descent::models

#endif  // SERVER_MODELS_REQUESTS_REMEMBERED_H_
