#include "server/store/sqlite/commit_queue.h"

#include <utility>

#include "server/store/sqlite/kept_model.h"

namespace descent::store {
namespace {

// What one commit takes of the queue, so that none lasts long.
constexpr std::size_t kMostBatchBytes = std::size_t{8} << 20;
// Where streams send more updates than one commit after the other can make durable, a commit costs
// less of two processors' time when it waits for some more of them: after a commit of many, at most
// so long, until they are enough. Nobody waits for an update of a stream before sending the next.
constexpr std::size_t kManyUpdates = 4;
constexpr std::size_t kEnoughUpdates = 128;
constexpr std::size_t kEnoughBytes = std::size_t{1} << 20;
constexpr absl::Duration kWaitForMore = absl::Microseconds(500);

}  // namespace

void CommitQueue::Push(std::unique_ptr<Operation> operation) {
  if (operation->model() != nullptr) ++operation->model()->shared.outstanding;
  if (queue_.empty()) changed_.Signal();
  if (queue_.empty() || queue_.back().batch.bytes >= kMostBatchBytes) {
    queue_.emplace_back().number = ++batches_;
  }
  QueuedBatch& last = queue_.back();
  // The taker may be waiting for more (WaitForMore), and this be enough: somebody waits for it.
  if (last.is_of_streams && !operation->is_of_stream()) {
    last.is_of_streams = false;
    changed_.Signal();
  }
  last.batch.bytes += operation->bytes();
  last.batch.operations.push_back(std::move(operation));
  if (last.batch.operations.size() == kEnoughUpdates) changed_.Signal();
}

void CommitQueue::Add(std::unique_ptr<Operation> operation) {
  const absl::MutexLock lock(&mutex_);
  Push(std::move(operation));
}

void CommitQueue::Append(std::unique_ptr<AppendOperation> operation) {
  QueuePlace& place = operation->model()->queue_place;
  AppendOperation* const change = operation.get();
  Publish superseded;  // destroyed after the lock: it may hold a model's parameters
  const absl::MutexLock lock(&mutex_);
  Push(std::move(operation));
  const bool shares = place.batch_ == queue_.back().number;
  if (shares && place.publisher_->PublishInstead(change, &superseded)) return;
  place.publisher_ = change;
  place.batch_ = queue_.back().number;
}

std::size_t CommitQueue::size() const {
  const absl::MutexLock lock(&mutex_);
  std::size_t size = 0;
  for (const QueuedBatch& queued : queue_) size += queued.batch.operations.size();
  return size;
}

void CommitQueue::Stop() {
  const absl::MutexLock lock(&mutex_);
  stopped_ = true;
  changed_.Signal();
}

CommitQueue::Batch CommitQueue::Take(absl::Duration most) {
  const absl::MutexLock lock(&mutex_);
  const absl::Time deadline = SteadyNow() + most;
  while (queue_.empty() && !stopped_) {
    if (changed_.WaitUntil(&mutex_, deadline)) break;
  }
  WaitForMore();
  return Pop();
}

CommitQueue::Batch CommitQueue::TakeNow() {
  const absl::MutexLock lock(&mutex_);
  return Pop();
}

CommitQueue::Batch CommitQueue::Pop() {
  Batch batch;
  if (!queue_.empty()) {
    batch = std::move(queue_.front().batch);
    queue_.pop_front();
  }
  batch.is_stopped = stopped_;
  last_taken_ = batch.operations.size();
  return batch;
}

void CommitQueue::WaitForMore() {
  if (last_taken_ < kManyUpdates) return;
  const absl::Time deadline = SteadyNow() + kWaitForMore;
  while (queue_.size() == 1 && queue_.front().is_of_streams && !stopped_ &&
         queue_.front().batch.operations.size() < kEnoughUpdates &&
         queue_.front().batch.bytes < kEnoughBytes) {
    if (changed_.WaitUntil(&mutex_, deadline)) return;
  }
}

}  // namespace descent::store
