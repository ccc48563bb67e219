// A fixed set of threads that take tasks in the order they were posted.

#ifndef SERVER_MODELS_EXECUTOR_H_
#define SERVER_MODELS_EXECUTOR_H_

#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace descent::models {

using Task = absl::AnyInvocable<void() &&>;

// Thread-safe. The queue is not bounded here: what may be posted is bounded by WorkQuota.
class Executor {
 public:
  // `name` is its threads', a literal of at most 15 characters. Requires threads >= 1.
  Executor(const char* name, int threads);
  // Runs everything that was posted, then joins its threads. Not to be called on one of them.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void Post(Task task);

  // Whether a task waits for a thread.
  bool HasWaiting() const;

 private:
  void Work();

  mutable absl::Mutex mutex_;
  absl::CondVar posted_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // written by the constructor alone
};

}  // namespace descent::models

#endif  // SERVER_MODELS_EXECUTOR_H_
