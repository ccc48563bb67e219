#include "server/ops/drain_watchdog.h"

#include <utility>

#include "core/thread_name.h"

namespace descent::ops {

DrainWatchdog::DrainWatchdog(absl::AnyInvocable<void()> end) : end_(std::move(end)) {}

DrainWatchdog::~DrainWatchdog() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    stopped_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void DrainWatchdog::Start(absl::Duration timeout) {
  thread_ = std::thread([this, deadline = SteadyNow() + timeout] {
    NameThisThread("drain watchdog");
    {
      const absl::MutexLock lock(&mutex_);
      while (!stopping_) {
        if (stopped_.WaitUntil(&mutex_, deadline)) break;
      }
      if (stopping_) return;
    }
    end_();
  });
}

}  // namespace descent::ops
