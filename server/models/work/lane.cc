#include "server/models/work/lane.h"

#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace descent::models {
namespace {

// What a lane runs before it lets others have the thread: so many tasks, or fewer that cost so much
// together, which is about a millisecond; one task whatever it costs.
constexpr int kTasksPerTurn = 16;
constexpr MultiplyAdds kCostPerTurn = 1 << 25;

}  // namespace

class Lane::Queue : public std::enable_shared_from_this<Lane::Queue> {
 public:
  Queue(Executor* executor, const void* owner) : executor_(executor), owner_(owner) {}

  void Post(Task task, MultiplyAdds cost) {
    MultiplyAdds turn = 0;
    {
      const absl::MutexLock lock(&mutex_);
      tasks_.push_back({std::move(task), cost});
      if (active_) return;
      active_ = true;
      turn = CostOfTurn();
    }
    Schedule(turn);
  }

  void RunOrPost(Task task, MultiplyAdds cost) {
    if (!BeginIfIdle()) {
      Post(std::move(task), cost);
      return;
    }
    RunTask(std::move(task));
    ScheduleOrGoIdle();
  }

 private:
  struct Waiting {
    Task task;
    MultiplyAdds cost = 0;
  };

  bool BeginIfIdle() {
    const absl::MutexLock lock(&mutex_);
    return !std::exchange(active_, true);
  }

  void Schedule(MultiplyAdds turn) {
    executor_->Post([self = shared_from_this()] { self->TakeTurn(); },
                    {.owner = owner_ == nullptr ? this : owner_, .cost = turn});
  }

  void TakeTurn() {
    for (;;) {
      MultiplyAdds cost = 0;
      for (int i = 0; i < kTasksPerTurn && (i == 0 || cost < kCostPerTurn); ++i) {
        Waiting next = TakeOrGoIdle();
        if (next.task == nullptr) return;
        cost += next.cost;
        RunTask(std::move(next.task));
      }
      if (executor_->HasWaiting()) break;
    }
    ScheduleOrGoIdle();
  }

  // The next task, or null, and the lane is idle.
  Waiting TakeOrGoIdle() {
    const absl::MutexLock lock(&mutex_);
    if (tasks_.empty()) {
      active_ = false;
      return {};
    }
    Waiting next = std::move(tasks_.front());
    tasks_.pop_front();
    return next;
  }

  // Schedules a turn if a task waits; otherwise the lane is idle from now on.
  void ScheduleOrGoIdle() {
    MultiplyAdds turn = 0;
    {
      const absl::MutexLock lock(&mutex_);
      active_ = !tasks_.empty();
      if (!active_) return;
      turn = CostOfTurn();
    }
    Schedule(turn);
  }

  // What those tasks cost that wait and belong to the next turn.
  MultiplyAdds CostOfTurn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    MultiplyAdds cost = 0;
    int count = 0;
    for (const Waiting& waiting : tasks_) {
      cost += waiting.cost;
      if (++count == kTasksPerTurn || cost >= kCostPerTurn) break;
    }
    return cost;
  }

  Executor* const executor_;
  const void* const owner_;
  absl::Mutex mutex_;
  std::deque<Waiting> tasks_ ABSL_GUARDED_BY(mutex_);
  bool active_ ABSL_GUARDED_BY(mutex_) = false;  // a task runs, or a turn is scheduled
};

Lane::Lane(Executor* executor, const void* owner)
    : queue_(std::make_shared<Queue>(executor, owner)) {}

void Lane::Post(Task task, MultiplyAdds cost) { queue_->Post(std::move(task), cost); }

void Lane::RunOrPost(Task task, MultiplyAdds cost) { queue_->RunOrPost(std::move(task), cost); }

}  // namespace descent::models
