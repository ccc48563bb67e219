// Writes checkpoints, one after another, in pieces beside the commits.

#ifndef SERVER_STORE_SQLITE_CHECKPOINT_WRITER_H_
#define SERVER_STORE_SQLITE_CHECKPOINT_WRITER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/state_hash.h"
#include "server/store/records.h"
#include "server/store/sqlite/kept_model.h"
#include "server/store/store.h"

namespace descent::store {

struct StoreParts;

// A checkpoint that was asked for.
struct CheckpointJob {
  std::shared_ptr<KeptModel> model;
  ModelImage image;
  std::int64_t position = 0;  // of the last record behind which the image was taken
  absl::Time create_time;
  bool requested = false;
  bool raises_durability = false;
  OnSaved done;
};

// The bytes of the numbers in an image.
std::int64_t StateBytes(const TrainerState& state);

// Used by the store's thread.
class CheckpointWriter {
 public:
  void Add(CheckpointJob job) { jobs_.push_back(std::move(job)); }
  bool empty() const { return jobs_.empty(); }

  // Writes the next piece within a transaction, behind the last one also the row that makes the
  // checkpoint whole, with what that changes of other checkpoints.
  absl::Status Apply(StoreParts* parts);

  // After the transaction: goes on, and calls back if a checkpoint is whole.
  void Committed(StoreParts* parts);
  // Nothing more can be written: calls back for all.
  void Fail(const absl::Status& status, StoreParts* parts);

  // The file has nothing of the model any more, as of this transaction: starts its checkpoint
  // again.
  void Restart(KeptModel* model, StoreParts* parts);

 private:
  absl::Status WriteRow(StoreParts* parts);
  void Finish(absl::StatusOr<CheckpointInfo> outcome);
  void StartNext();

  std::deque<CheckpointJob> jobs_;

  // The first job's.
  CheckpointRow row_;  // id 0: not begun
  std::unique_ptr<StateHasher> hasher_;
  std::int64_t written_ = 0;  // bytes, those of this transaction included
  std::string piece_;
  bool is_last_ = false;      // this transaction makes it whole
  bool keeps_model_ = false;  // and inserts the model
  Retention retention_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_CHECKPOINT_WRITER_H_
