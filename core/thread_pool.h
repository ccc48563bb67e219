// Threads that share the work of one computation.

#ifndef CORE_THREAD_POOL_H_
#define CORE_THREAD_POOL_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/functional/function_ref.h"

namespace descent {

// A fixed set of workers. The calling thread always takes part, so a pool of one has no workers and
// never forks. Results never depend on the number of threads: callers cut work into tasks whose
// results don't depend on who runs them.
class ThreadPool {
 public:
  // Requires threads >= 1, the caller's thread included.
  explicit ThreadPool(int threads);
  // Shares the threads of another pool. Each thread calls `between_tasks` before it takes a task.
  ThreadPool(const ThreadPool& other, std::function<void()> between_tasks);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Runs body(i) for every i in [0, tasks), in any order and at once, and returns when all are
  // done. May be called from several threads at once; body must not call ParallelFor.
  void ParallelFor(std::int64_t tasks, absl::FunctionRef<void(std::int64_t)> body);

 private:
  class Workers;

  const int threads_;
  const std::function<void()> between_tasks_;
  const std::shared_ptr<Workers> workers_;  // null: the callers' threads alone
};

}  // namespace descent

#endif  // CORE_THREAD_POOL_H_
