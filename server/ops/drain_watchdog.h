// Ends the process when its drain does not.

#ifndef SERVER_OPS_DRAIN_WATCHDOG_H_
#define SERVER_OPS_DRAIN_WATCHDOG_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "clock/steady.h"

namespace descent::ops {

// gRPC's shutdown takes as long as it takes to unwind what a flood of calls has left, whatever it
// is told. By then all that was acknowledged lasts, and the rest is memory.
class DrainWatchdog {
 public:
  // Calls `end`, once, unless this is destroyed within `timeout` of Start.
  explicit DrainWatchdog(absl::AnyInvocable<void()> end);
  ~DrainWatchdog();
  DrainWatchdog(const DrainWatchdog&) = delete;
  DrainWatchdog& operator=(const DrainWatchdog&) = delete;

  void Start(absl::Duration timeout);

 private:
  absl::AnyInvocable<void()> end_;
  absl::Mutex mutex_;
  SteadyCondVar stopped_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_DRAIN_WATCHDOG_H_
