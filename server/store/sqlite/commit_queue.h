// What waits for the store's thread, and how much of it shares a commit.

#ifndef SERVER_STORE_SQLITE_COMMIT_QUEUE_H_
#define SERVER_STORE_SQLITE_COMMIT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "clock/steady.h"
#include "server/store/sqlite/append_operation.h"
#include "server/store/sqlite/operation.h"

namespace descent::store {

// Operations leave in the order they came, in batches. A commit takes one batch: everything that
// has queued while the one before ran, unless that is so much that the commit would last long.
//
// Any thread adds; one thread takes.
class CommitQueue {
 public:
  struct Batch {
    std::vector<std::unique_ptr<Operation>> operations;
    std::size_t bytes = 0;    // about what they write
    bool is_stopped = false;  // Stop has been called
  };

  void Add(std::unique_ptr<Operation> operation) ABSL_LOCKS_EXCLUDED(mutex_);
  // Of several changes of a model in one batch the first publishes for all (see Journal::Append).
  void Append(std::unique_ptr<AppendOperation> operation) ABSL_LOCKS_EXCLUDED(mutex_);

  // How many operations wait.
  std::size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on Take does not wait.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // The next batch; empty if nothing came. Waits for something to come, at most so long, or until
  // Stop.
  Batch Take(absl::Duration most) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same without waiting.
  Batch TakeNow() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct QueuedBatch {
    std::uint64_t number = 0;
    bool is_of_streams = true;  // all of it
    Batch batch;
  };

  void Push(std::unique_ptr<Operation> operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Batch Pop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // After a batch of many updates of streams: lets some more come together.
  void WaitForMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  // The last one is added to until it is large enough.
  std::deque<QueuedBatch> queue_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t batches_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t last_taken_ ABSL_GUARDED_BY(mutex_) = 0;  // operations
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  SteadyCondVar changed_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_COMMIT_QUEUE_H_
