// Loads checkpoints for models that are open, a part at a time between commits.

#ifndef SERVER_STORE_SQLITE_CHECKPOINT_LOADER_H_
#define SERVER_STORE_SQLITE_CHECKPOINT_LOADER_H_

#include <deque>
#include <memory>

#include "absl/status/status.h"
#include "server/store/sqlite/checkpoint_reader.h"
#include "server/store/sqlite/kept_model.h"
#include "server/store/store.h"

namespace descent::store {

// Used by the store's thread.
class CheckpointLoader {
 public:
  // Marks the model as loading: calls after this one call back after `done`.
  void Add(std::shared_ptr<KeptModel> model, const CheckpointRow& row, OnLoaded done);
  bool empty() const { return jobs_.empty(); }

  // Reads the next part of the first one. Returns its model, which is no longer loading, if that
  // was the last and `done` has been called.
  std::shared_ptr<KeptModel> ReadSome(CheckpointTable* table);

 private:
  struct Job {
    std::shared_ptr<KeptModel> model;
    CheckpointReader reader;
    OnLoaded done;
  };

  std::deque<Job> jobs_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_CHECKPOINT_LOADER_H_
