// One model as the store has it. Three kinds of threads meet here, and what each may touch has a
// type of its own: SharedNumbers all of them, QueuePlace the queue under its lock, and the rest of
// KeptModel the store's thread alone.

#ifndef SERVER_STORE_SQLITE_KEPT_MODEL_H_
#define SERVER_STORE_SQLITE_KEPT_MODEL_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/store/model_settings.h"
#include "server/store/sqlite/live_row.h"
#include "server/store/store.h"
#include "server/store/tables/checkpoint_table.h"
#include "server/store/tables/registry_tables.h"

namespace descent::store {

class AppendOperation;
class Operation;

// Numbers of a model that its callers read without waiting for the store's thread. Each stands for
// itself: none is read to learn something about another.
struct SharedNumbers : JournalNumbers {
  // Calls that have not called back, SaveCheckpoint apart. While there are none, a call that
  // changes nothing in the file may call back at once without overtaking another.
  std::atomic<int> outstanding = 0;
  // The last step that a crash can no longer take back.
  std::atomic<std::int64_t> durable_step = 0;
  // Of the newest checkpoint's numbers: by these and the journal's bytes a new one is due.
  std::atomic<std::int64_t> state_bytes = 0;
  // SaveCheckpoint's calls that have not called back.
  std::atomic<int> saves = 0;
  // Whether KeptModel::failure says so.
  std::atomic<bool> failed = false;
};

// Which queued change publishes for those that are queued after it. CommitQueue alone can touch it,
// and does so with its mutex held.
class QueuePlace {
 private:
  friend class CommitQueue;

  AppendOperation* publisher_ = nullptr;
  // The batch that the publisher is in. Where that is no longer the queue's last one, the publisher
  // may be gone.
  std::uint64_t batch_ = 0;
};

class KeptModel {
 public:
  KeptModel();
  ~KeptModel();

  SharedNumbers shared;
  QueuePlace queue_place;

  // From here on used by the store's thread alone. (Whoever makes or recovers a model fills it in
  // before the thread gets to know of it.)

  // What the table `models` holds of it. The id is 0 while the file has nothing of the model, which
  // is so with durability kMemory.
  ModelRow row;
  // Whether the table does hold it, so that recovery will find the model. With an id and without
  // this, what the file has of it waits for the checkpoint that raises its durability from kMemory.
  bool kept = false;
  // Its owner removed it.
  bool removed = false;
  // Why no change of this model can be kept any more. Set by Fail.
  absl::Status failure;

  // Rows that recovery may need, by position, and those being written.
  std::deque<LiveRow> rows;
  // The group of JournalWriter that the next record goes to, or -1.
  int group = -1;
  // The last record that was kept.
  std::int64_t last_position = 0;
  std::int64_t last_step = 0;

  // Whole checkpoints, oldest first. Recovery begins from the last.
  std::vector<CheckpointRow> checkpoints;
  // The one that was loaded last: an update may be about to name it, so it must stay until then.
  std::int64_t loaded_checkpoint = 0;

  // The durability that the newest checkpoint's settings say, or the initial ones.
  Durability base_durability = Durability::kJournal;
  // Positions of the last updates that lowered the durability, and that did so to kMemory.
  std::int64_t lowered_position = 0;
  std::int64_t forgotten_position = 0;

  // A checkpoint is being loaded, which takes several turns of the thread. Calls that are ready to
  // call back wait here meanwhile, since callbacks come in the order of the calls.
  bool loading = false;
  std::deque<std::pair<std::unique_ptr<Operation>, absl::Status>> waiting;

  std::int64_t base_position() const {
    return checkpoints.empty() ? 0 : checkpoints.back().position;
  }
  // Whether recovery would apply the journal. Not while the durability is lower: recovery takes a
  // base that says so for all there is, and stops at the update that lowered it. Nor after the
  // durability was raised, until the checkpoint for that is whole, since records without the state
  // that they follow are worth nothing.
  bool JournalCounts() const {
    return kept && base_durability == Durability::kJournal && lowered_position <= base_position();
  }
  void Fail(const absl::Status& status) {
    failure = status;
    shared.failed = true;
  }

  // What the shared numbers say of journal and checkpoints, from those here.
  void CountJournal();

  // Takes out the rows that the newest checkpoint makes superfluous.
  std::vector<LiveRow> TakeSupersededRows();
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_KEPT_MODEL_H_
