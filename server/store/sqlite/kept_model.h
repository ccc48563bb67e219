// One model as the store has it: what the model's calls, the store's thread and anyone who asks
// whether a checkpoint is due share of it.

#ifndef SERVER_STORE_SQLITE_KEPT_MODEL_H_
#define SERVER_STORE_SQLITE_KEPT_MODEL_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "server/store/model_settings.h"
#include "server/store/tables/checkpoint_table.h"
#include "server/store/tables/registry_tables.h"

namespace descent::store {

class AppendOperation;
class Operation;

// A row of the journal that recovery may need.
struct LiveRow {
  std::int64_t id = 0;
  std::int64_t last_position = 0;
  std::int64_t size_bytes = 0;
  std::vector<std::int64_t> restores;  // checkpoints that its records name
};

class KeptModel {
 public:
  // Shared by all threads.

  // Calls that have not called back, SaveCheckpoint apart.
  std::atomic<int> outstanding = 0;
  // The last step that a crash can no longer take back.
  std::atomic<std::int64_t> durable_step = 0;
  // Of the records behind the newest checkpoint, and of that checkpoint's numbers.
  std::atomic<std::int64_t> journal_bytes = 0;
  std::atomic<std::int64_t> state_bytes = 0;
  // SaveCheckpoint's calls that have not called back.
  std::atomic<int> saves = 0;
  // As `failure`.
  std::atomic<bool> failed = false;

  // Guarded by the mutex of the store's queue: the change that publishes what is queued, and the
  // batch of the queue that it is in; where that is no longer the last batch, it may be gone.
  AppendOperation* publisher = nullptr;
  std::uint64_t publisher_batch = 0;

  // Used by the store's thread alone.

  // What the table `models` holds of it. The id is 0 while the file has nothing of the model, which
  // is so with durability kMemory.
  ModelRow row;
  // Whether it does hold it: recovery will find the model.
  bool kept = false;

  // Its owner removed it.
  bool removed = false;

  // Why no change of this model can be kept any more.
  absl::Status failure;

  // Rows that recovery may need, by position, and those being written.
  std::deque<LiveRow> rows;
  // Whole checkpoints, oldest first. Recovery begins from the last.
  std::vector<CheckpointRow> checkpoints;
  // The one that was loaded last: an update may be about to name it.
  std::int64_t loaded_checkpoint = 0;

  // The durability that the newest checkpoint's settings say, or the initial ones.
  Durability base_durability = Durability::kJournal;
  // Positions of the last updates that lowered the durability, and that did so to kMemory.
  std::int64_t lowered_position = 0;
  std::int64_t forgotten_position = 0;
  // The last record that was kept.
  std::int64_t last_position = 0;
  std::int64_t last_step = 0;

  // The group of JournalWriter that the next record goes to, or -1.
  int group = -1;

  // A checkpoint is being loaded: calls that are ready to call back wait here for it.
  bool loading = false;
  std::deque<std::pair<std::unique_ptr<Operation>, absl::Status>> waiting;

  KeptModel();
  ~KeptModel();

  std::int64_t base_position() const {
    return checkpoints.empty() ? 0 : checkpoints.back().position;
  }
  // Whether recovery applies the journal: not while the durability is lower, nor after it was
  // raised until the checkpoint for that is whole.
  bool JournalCounts() const {
    return kept && base_durability == Durability::kJournal && lowered_position <= base_position();
  }
  void Fail(const absl::Status& status) {
    failure = status;
    failed = true;
  }

  // Takes out the rows that the newest checkpoint makes superfluous.
  std::vector<LiveRow> TakeSupersededRows();
};

// What changes when checkpoints are added or taken off the list.
struct Retention {
  std::vector<CheckpointRow> kept;      // as they are to be, oldest first
  std::vector<CheckpointRow> unlisted;  // those of `kept` that are no longer listed
  std::vector<std::int64_t> deleted;
};

// Decides which of `checkpoints` (oldest first, the last one being what recovery begins from) stay:
// those that are listed and those that recovery needs, which are the last, `loaded`, and all that
// the rows behind the last one name. Of the listed ones that nobody asked for, the newest
// `most_automatic` stay on the list.
Retention Retain(const std::vector<CheckpointRow>& checkpoints, const std::deque<LiveRow>& rows,
                 std::int64_t loaded, int most_automatic);

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_KEPT_MODEL_H_
