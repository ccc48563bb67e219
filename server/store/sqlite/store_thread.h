// The one thread that uses the database.
//
// It takes what has queued and makes it last in one commit, calls back, and begins again: records
// of journals alone in the journal's log, anything else, with the records beside it, in a
// transaction of the database. Between commits a transaction does a bounded part of what takes
// long: a piece of a checkpoint, rows to be deleted or moved out of the journal's log, a part of a
// backup.
//
// Of SQLite's log (docs/storage_format.md, "Write-ahead log") the thread takes care too: it is
// moved into the database when it is long, or when nothing has happened for a while.

#ifndef SERVER_STORE_SQLITE_STORE_THREAD_H_
#define SERVER_STORE_SQLITE_STORE_THREAD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "clock/steady.h"
#include "server/store/sqlite/journal_operations.h"
#include "server/store/sqlite/operation.h"
#include "server/store/sqlite/sqlite_backup.h"
#include "server/store/sqlite/store_parts.h"
#include "server/store/store.h"

namespace descent::store {

class StoreThread {
 public:
  // Takes over `parts`, whose status says whether changes can be kept to begin with.
  explicit StoreThread(std::unique_ptr<StoreParts> parts);
  // Finishes what was queued, checkpoints and backups included.
  ~StoreThread();

  // Thread-safe.
  void Enqueue(std::unique_ptr<Operation> operation);
  // Of several that will share a commit, the first publishes for all (see Journal::Append).
  void Append(std::unique_ptr<AppendOperation> operation);
  // Runs `task`, which does not write, on the thread behind what has been queued.
  using Task = absl::AnyInvocable<void(StoreParts*) &&>;
  void Post(Task task);
  // And waits for it. Not from a callback.
  void Run(absl::FunctionRef<void(StoreParts*)> task);
  const SqliteStoreOptions& options() const { return parts_->options; }
  // Whether what that build wrote has the bits that this engine computes.
  bool IsOfThisEngine(std::int64_t build_id) const {
    return parts_->builds_of_this_engine.contains(build_id);
  }
  absl::Status status() const;
  bool healthy() const { return healthy_; }
  void NotifyStatus(Store::OnStatus on_status);
  void MakeBackup(OnBackup done);

  // Moves the whole log into the database, which makes it last, and empties the log's file.
  static absl::Status EmptyLog(Connection* connection);

  // Makes the database say, durably, that it belongs together with its logs; nothing may be
  // acknowledged before.
  static absl::Status BecomeLive(Connection* connection);

  // Bytes of images that wait to be written as checkpoints.
  std::atomic<std::int64_t>& pending_image_bytes() { return pending_image_bytes_; }

 private:
  // What shares a commit.
  using Batch = std::vector<std::unique_ptr<Operation>>;

  void Push(std::unique_ptr<Operation> operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Main();
  // Waits for something to do. False when there is nothing left and the thread is to end.
  bool Wait(Batch* batch);
  // Behind a commit of many updates of streams: lets some more come together.
  void WaitForMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Duration TimeToWait() const;
  bool HasBackgroundWork() const;

  // Makes what shares a commit last.
  void Commit(const Batch& batch);
  absl::Status ApplyAll(const Batch& batch);
  absl::Status WriteRows();
  // Does a part of what takes long.
  void WorkInBackground();
  absl::Status ApplyBackground();
  // Moves what can be read of the journal's log into the table.
  absl::Status MoveJournalLog();
  // Leaves a database that is all there is.
  absl::Status Close();

  // A transaction begins with the first change that needs one.
  absl::Status Begin();
  absl::Status EndTransaction();
  void RollBack();

  void FinishAll(Batch batch);
  void FinishOne(std::unique_ptr<Operation> operation, const absl::Status& outcome);
  // What waited for the model's checkpoint to be loaded.
  void FinishWaiting(KeptModel* model);

  // Every failure to write comes here.
  void Fail(const absl::Status& error);
  void SetStatus(const absl::Status& status);
  // While the disk is full: whether there is room again.
  void LookForRoom();
  // Behind a commit, of a transaction or of the journal's log alone: whether what it was written
  // to, and the rest now and then, is still at its path.
  absl::Status CheckFiles(bool uses_database);
  // The same when nothing has been committed for a while.
  void LookForFiles();
  absl::Status TryRoom();

  void MoveLogIfDue();

  const std::unique_ptr<StoreParts> parts_;
  SqliteBackup backup_;

  mutable absl::Mutex mutex_;
  struct QueuedBatch {
    std::uint64_t number = 0;
    std::size_t bytes = 0;
    bool is_of_streams = true;  // all of it
    Batch operations;
  };
  // The last one is added to until it is large enough.
  std::deque<QueuedBatch> queue_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t batches_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  Store::OnStatus on_status_ ABSL_GUARDED_BY(mutex_);
  SteadyCondVar work_;

  std::atomic<bool> healthy_;
  std::atomic<std::int64_t> pending_image_bytes_ = 0;

  // Used by the thread alone.
  bool closing_ = false;
  bool in_transaction_ = false;
  std::int64_t batch_bytes_ = 0;
  std::size_t last_batch_ = 0;            // operations of the one before
  std::vector<std::int64_t> moved_rows_;  // within the transaction, out of the journal's log
  int log_pages_ = 0;                     // not yet moved into the database
  // Times of SteadyNow.
  absl::Time last_work_;
  absl::Time next_look_for_room_;
  absl::Time last_look_for_files_;
  absl::Time next_move_;

  std::thread thread_;  // last: uses the rest
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_STORE_THREAD_H_
