// A fixed set of threads that take tasks in a fair order.

#ifndef SERVER_MODELS_WORK_EXECUTOR_H_
#define SERVER_MODELS_WORK_EXECUTOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "clock/steady.h"
#include "server/models/work/fair_queue.h"

namespace descent::models {

// Runs a task; what it captured is gone afterwards. An exception ends the process at once: who
// knows what the task has left half done, and a restart brings back all that was acknowledged. On
// the threads of gRPC, which swallows exceptions, too.
void RunTask(Task task) noexcept;

// A short task waits for no long one: threads in the middle of long tasks run it between two pieces
// (GiveWay), and where they come to no such place for milliseconds, a thread for relief runs it.
//
// Thread-safe. The queue is not bounded here: what may be posted is bounded by WorkQuota.
class Executor {
 public:
  // `name` is its threads', a literal of at most 15 characters. Requires threads >= 1. `relief`:
  // whether there is one more for short tasks while all are held up.
  Executor(const char* name, int threads, bool relief = false);
  // Runs everything that was posted, then joins its threads. Not to be called on one of them.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void Post(Task task, const Claim& claim = {});

  // Whether a task waits for a thread.
  bool HasWaiting() const { return waiting_.load(std::memory_order_relaxed) > 0; }

  // How many do.
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

  // To be called by long tasks between pieces of their work, with no lock held and nothing in the
  // thread's storage that another task could spoil: runs one waiting task that is much shorter, if
  // there is one, within bounds, so that it need not wait for the end of this one. Takes
  // nanoseconds while none waits. On other threads than the executor's it does nothing.
  void GiveWay();

 private:
  void Work();
  // What the thread does that is there for when all others are held up.
  void WorkIfHeldUp();
  void WatchForHoldUps() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run(FairQueue::Entry entry);
  std::optional<FairQueue::Entry> TakeCheaper(MultiplyAdds cost);

  mutable absl::Mutex mutex_;
  absl::CondVar posted_;
  absl::CondVar busy_;  // watching_ was set
  SteadyCondVar stopped_;
  FairQueue tasks_ ABSL_GUARDED_BY(mutex_);
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;             // threads
  std::uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;  // tasks, by them
  bool watching_ ABSL_GUARDED_BY(mutex_) = false;    // for hold-ups, while tasks wait
  std::atomic<std::size_t> waiting_{0};              // as tasks_, read without the mutex
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // written by the constructor alone
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_EXECUTOR_H_
