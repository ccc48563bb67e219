#include "server/models/lane.h"

#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace descent::models {
namespace {

// Tasks that a lane runs before it lets other lanes have the thread.
constexpr int kTasksPerTurn = 16;

}  // namespace

class Lane::Queue : public std::enable_shared_from_this<Lane::Queue> {
 public:
  explicit Queue(Executor* executor) : executor_(executor) {}

  void Post(Task task) {
    {
      const absl::MutexLock lock(&mutex_);
      tasks_.push_back(std::move(task));
      if (active_) return;
      active_ = true;
    }
    Schedule();
  }

  void RunOrPost(Task task) {
    if (!BeginIfIdle()) {
      Post(std::move(task));
      return;
    }
    Run(std::move(task));
    if (HasMore()) Schedule();
  }

 private:
  // A task's captures go before the next task runs.
  static void Run(Task task) { std::move(task)(); }

  bool BeginIfIdle() {
    const absl::MutexLock lock(&mutex_);
    return !std::exchange(active_, true);
  }

  void Schedule() {
    executor_->Post([self = shared_from_this()] { self->TakeTurn(); });
  }

  void TakeTurn() {
    for (;;) {
      for (int i = 0; i < kTasksPerTurn; ++i) {
        Task task = TakeOrGoIdle();
        if (task == nullptr) return;
        Run(std::move(task));
      }
      if (executor_->HasWaiting()) break;
    }
    Schedule();
  }

  // The next task, or null, and the lane is idle.
  Task TakeOrGoIdle() {
    const absl::MutexLock lock(&mutex_);
    if (tasks_.empty()) {
      active_ = false;
      return nullptr;
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
  }

  // Whether a task waits; otherwise the lane is idle from now on.
  bool HasMore() {
    const absl::MutexLock lock(&mutex_);
    if (tasks_.empty()) active_ = false;
    return active_;
  }

  Executor* const executor_;
  absl::Mutex mutex_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool active_ ABSL_GUARDED_BY(mutex_) = false;  // a task runs, or a turn is scheduled
};

Lane::Lane(Executor* executor) : queue_(std::make_shared<Queue>(executor)) {}

void Lane::Post(Task task) { queue_->Post(std::move(task)); }

void Lane::RunOrPost(Task task) { queue_->RunOrPost(std::move(task)); }

}  // namespace descent::models
