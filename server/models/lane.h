// Tasks that run one after another, in the order they were given, on an executor's threads: a
// thread's order without a thread. A lane without tasks costs a few hundred bytes.

#ifndef SERVER_MODELS_LANE_H_
#define SERVER_MODELS_LANE_H_

#include <memory>

#include "server/models/executor.h"

namespace descent::models {

// Thread-safe. May be destroyed by one of its own tasks; tasks that still wait are run.
class Lane {
 public:
  // `executor` must outlive the lane and its tasks.
  explicit Lane(Executor* executor);

  void Post(Task task);

  // Runs the task on the calling thread, before returning, if the lane is idle; otherwise posts it.
  void RunOrPost(Task task);

 private:
  class Queue;
  const std::shared_ptr<Queue> queue_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_LANE_H_
