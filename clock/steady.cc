#include "clock/steady.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace descent {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Longer waits are cut into such ones, so that no arithmetic overflows.
constexpr absl::Duration kLongestWait = absl::Hours(1);
constexpr absl::Duration kLookInterval = absl::Milliseconds(2);

// What std::condition_variable_any unlocks and locks again. The analysis is told by WaitUntil.
class Lockable {
 public:
  explicit Lockable(absl::Mutex* mutex) : mutex_(mutex) {}
  void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_->Lock(); }
  void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_->Unlock(); }

 private:
  absl::Mutex* const mutex_;
};

bool IsInfinite(absl::Time time) {
  return time == absl::InfiniteFuture() || time == absl::InfinitePast();
}

}  // namespace

absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(SteadyClock::now().time_since_epoch());
}

absl::Time ToSteady(absl::Time time) {
  return IsInfinite(time) ? time : SteadyNow() + (time - absl::Now());
}

absl::Time ToSteady(std::chrono::system_clock::time_point time) {
  using SystemClock = std::chrono::system_clock;
  if (time == SystemClock::time_point::max()) return absl::InfiniteFuture();
  return SteadyNow() + (absl::FromChrono(time) - absl::FromChrono(SystemClock::now()));
}

std::chrono::system_clock::time_point ToSystemClock(absl::Time steady) {
  if (IsInfinite(steady)) return absl::ToChronoTime(steady);
  const absl::Time now = absl::FromChrono(std::chrono::system_clock::now());
  return absl::ToChronoTime(now + (steady - SteadyNow()));
}

bool AwaitUntil(absl::Mutex* mutex, const absl::Condition& condition, absl::Time deadline) {
  while (!condition.Eval()) {
    if (SteadyNow() >= deadline) return false;
    mutex->Unlock();
    absl::SleepFor(kLookInterval);
    mutex->Lock();
  }
  return true;
}

void SteadyCondVar::Wait(absl::Mutex* mutex) {
  Lockable lockable(mutex);
  condition_.wait(lockable);
}

bool SteadyCondVar::WaitUntil(absl::Mutex* mutex, absl::Time deadline) {
  const absl::Duration left = deadline - SteadyNow();
  if (left <= absl::ZeroDuration()) return true;
  Lockable lockable(mutex);
  condition_.wait_until(
      lockable, SteadyClock::now() + absl::ToChronoNanoseconds(std::min(left, kLongestWait)));
  return SteadyNow() >= deadline;
}

}  // namespace descent
