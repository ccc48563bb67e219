// The one thread that uses the database.
//
// Its loop: take what has queued (CommitQueue), make that durable in one commit, call back; then do
// a bounded part of what takes long, in a transaction of its own: a piece of a checkpoint, rows to
// be deleted or moved out of the journal's log, a part of a backup; move SQLite's write-ahead log
// if that is due (WriteAheadLog); begin again.
//
// A commit of nothing but records of journals is one write to the journal's log. Anything else,
// with the records that came beside it, is a transaction of the database, so that no change has to
// be atomic over both.
//
// A failure to write ends changes for all models (Fail). Of a full disk the thread looks whether it
// has room again; after anything else nobody knows what is on the disk, and only a new start can
// find out.

#ifndef SERVER_STORE_SQLITE_STORE_THREAD_H_
#define SERVER_STORE_SQLITE_STORE_THREAD_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/store/sqlite/append_operation.h"
#include "server/store/sqlite/commit_queue.h"
#include "server/store/sqlite/operation.h"
#include "server/store/sqlite/sqlite_backup.h"
#include "server/store/sqlite/store_parts.h"
#include "server/store/sqlite/write_ahead_log.h"
#include "server/store/store.h"

namespace descent::store {

class StoreThread {
 public:
  // Takes over `parts`, whose status says whether changes can be kept to begin with.
  explicit StoreThread(std::unique_ptr<StoreParts> parts);
  // Finishes what was queued, checkpoints and backups included.
  ~StoreThread();

  // Thread-safe.
  void Enqueue(std::unique_ptr<Operation> operation) { queue_.Add(std::move(operation)); }
  // Of several that will share a commit, the first publishes for all (see Journal::Append).
  void Append(std::unique_ptr<AppendOperation> operation) { queue_.Append(std::move(operation)); }
  // Runs `task`, which does not write, on the thread after what has been queued.
  using Task = absl::AnyInvocable<void(StoreParts*) &&>;
  void Post(Task task);
  // Posts `task` and waits for it. Not from a callback.
  void Run(absl::FunctionRef<void(StoreParts*)> task);
  const SqliteStoreOptions& options() const { return parts_->options; }
  // Whether what that build wrote has the bits that this engine computes.
  bool IsOfThisEngine(std::int64_t build_id) const {
    return parts_->builds_of_this_engine.contains(build_id);
  }
  absl::Status status() const;
  bool healthy() const { return healthy_; }
  void NotifyStatus(Store::OnStatus on_status);
  const std::shared_ptr<StoreNumbers>& numbers() const { return parts_->numbers; }
  std::size_t waiting() const { return queue_.size(); }
  void MakeBackup(OnBackup done);

  // Makes the database say, durably, that it belongs together with its logs; nothing may be
  // acknowledged before.
  static absl::Status BecomeLive(Connection* connection);

  // Bytes of images that wait to be written as checkpoints.
  std::atomic<std::int64_t>& pending_image_bytes() { return pending_image_bytes_; }

 private:
  // What shares a commit.
  using Operations = std::vector<std::unique_ptr<Operation>>;

  void Main();
  // Waits for something to do. False when there is nothing left and the thread is to end.
  bool Wait(Operations* operations);
  // How long the thread may sleep if nothing is queued.
  absl::Duration TimeToWait() const;
  bool HasBackgroundWork() const;

  // Makes what shares a commit durable.
  void Commit(const Operations& operations);
  absl::Status ApplyAll(const Operations& operations);
  absl::Status WriteRows();
  // After a commit that changed something.
  void Count(std::int64_t records, absl::Duration duration);
  // Does a part of what takes long.
  void WorkInBackground();
  absl::Status ApplyBackground();
  void LoadCheckpoints();
  // Moves what can be read of the journal's log into the table.
  absl::Status MoveJournalLog();
  // Leaves a database that is all there is.
  absl::Status Close();

  // A transaction begins with the first change that needs one.
  absl::Status Begin();
  absl::Status EndTransaction();
  void RollBack();

  void FinishAll(Operations operations);
  void FinishOne(std::unique_ptr<Operation> operation, const absl::Status& outcome);
  // What waited for the model's checkpoint to be loaded.
  void FinishWaiting(KeptModel* model);

  // Every failure to write comes here.
  void Fail(const absl::Status& error);
  void SetStatus(const absl::Status& status);
  // While the disk is full: whether there is room again.
  void LookForRoom();
  absl::Status TryRoom();
  // After a commit, of a transaction or of the journal's log alone: whether what it was written to
  // is still at its path, and now and then the same of the other files.
  absl::Status CheckFiles(bool uses_database);
  // The same when nothing has been committed for a while.
  void LookForFiles();

  const std::unique_ptr<StoreParts> parts_;
  SqliteBackup backup_;
  WriteAheadLog write_ahead_log_;
  CommitQueue queue_;

  mutable absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  Store::OnStatus on_status_ ABSL_GUARDED_BY(mutex_);

  std::atomic<bool> healthy_;
  std::atomic<std::int64_t> pending_image_bytes_ = 0;

  // Used by the thread alone.
  bool in_transaction_ = false;
  std::int64_t committed_bytes_ = 0;      // about what the last commit wrote
  std::vector<std::int64_t> moved_rows_;  // within the transaction, out of the journal's log
  // Times of SteadyNow.
  absl::Time last_commit_;
  absl::Time next_look_for_room_;
  absl::Time last_look_for_files_;

  std::thread thread_;  // last: uses the rest
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_STORE_THREAD_H_
