#include "server/ops/ticker.h"

#include <utility>

#include "core/thread_name.h"

namespace descent::ops {

Ticker::Ticker(const char* name, absl::Duration interval, absl::AnyInvocable<void()> tick) {
  thread_ = std::thread([this, name, interval, tick = std::move(tick)]() mutable {
    NameThisThread(name);
    for (;;) {
      {
        const absl::Time next = SteadyNow() + interval;
        const absl::MutexLock lock(&mutex_);
        while (!stopping_ && !stop_.WaitUntil(&mutex_, next)) {
        }
        if (stopping_) return;
      }
      tick();
    }
  });
}

Ticker::~Ticker() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    stop_.SignalAll();
  }
  thread_.join();
}

}  // namespace descent::ops
