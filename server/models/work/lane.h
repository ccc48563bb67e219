// Tasks that run one after another, in the order they were given, on an executor's threads: a
// thread's order without a thread. A lane without tasks costs a few hundred bytes.

#ifndef SERVER_MODELS_WORK_LANE_H_
#define SERVER_MODELS_WORK_LANE_H_

#include <memory>

#include "server/models/work/executor.h"

namespace descent::models {

// Thread-safe. May be destroyed by one of its own tasks; tasks that still wait are run. Shares the
// executor's threads with other lanes by what its tasks cost, and gives a thread up for others that
// wait after every piece of some milliseconds.
class Lane {
 public:
  // `executor` must outlive the lane and its tasks. `owner`: whose share of the threads it takes,
  // see Claim; null: its own.
  explicit Lane(Executor* executor, const void* owner = nullptr);

  void Post(Task task, MultiplyAdds cost = 0);

  // Runs the task on the calling thread, before returning, if the lane is idle; otherwise posts it.
  void RunOrPost(Task task, MultiplyAdds cost = 0);

 private:
  class Queue;
  const std::shared_ptr<Queue> queue_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_LANE_H_
