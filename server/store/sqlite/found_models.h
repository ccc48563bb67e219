// Finding the models in the file.

#ifndef SERVER_STORE_SQLITE_FOUND_MODELS_H_
#define SERVER_STORE_SQLITE_FOUND_MODELS_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sqlite/kept_model.h"
#include "server/store/sqlite/store_parts.h"

namespace descent::store {

// A model as the file has it.
struct FoundModel {
  std::shared_ptr<KeptModel> model;  // with all its rows and checkpoints
  std::vector<JournalRow> rows;      // by position
  absl::Status damage;               // of rows that name what belongs to it
};

struct FoundModels {
  std::vector<FoundModel> models;  // by name
  // What a crash has left of models that were being removed, or made.
  std::vector<std::int64_t> ownerless_checkpoints;
  std::vector<LiveRow> ownerless_rows;
};

// DATA_LOSS (STORED_STATE_DAMAGED) if it can't be told which models there are or what belongs to
// which.
absl::StatusOr<FoundModels> FindModels(StoreParts* parts);

// Marks for deletion what belongs to no model, and pieces of checkpoints that were never whole.
absl::Status ThrowAwayRemains(const FoundModels& found, StoreParts* parts);

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_FOUND_MODELS_H_
