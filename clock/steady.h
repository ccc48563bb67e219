// A clock that nobody sets, for whatever measures how long something takes or how long to wait.
//
// The time of day (absl::Now, std::chrono::system_clock) is set: by hand, by a time server that
// steps, by a virtual machine that is woken. Kept as a deadline it then ends calls that have just
// begun, or never does. Abseil's own waits with a deadline are by the time of day as well.
// What is told to people or kept beyond the process is still the time of day.

#ifndef CLOCK_STEADY_H_
#define CLOCK_STEADY_H_

#include <chrono>
#include <condition_variable>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace descent {

// Of the machine's monotonic clock, counted from absl::UnixEpoch(): only to be compared with others
// of this function. One that is taken for a time of day by mistake is decades in the past, which no
// test overlooks.
absl::Time SteadyNow();

// The moment of SteadyNow at which the time of day would be `time` if nobody sets it; infinite
// times stay as they are. For deadlines that come as a time of day: to be called when they come. Of
// a time that counts from absl::Now(), which follows a clock that is set only after some seconds,
// the first; of one that the system's clock gave, such as gRPC's deadlines, the second.
absl::Time ToSteady(absl::Time time);
absl::Time ToSteady(std::chrono::system_clock::time_point time);

// And back, for what takes a deadline as the system's time of day and turns it into a duration at
// once, as gRPC does. (absl::ToChronoTime(absl::Now() + …) is no such deadline, see above.)
std::chrono::system_clock::time_point ToSystemClock(absl::Time steady);

// Waits until the condition holds, looking at it every few milliseconds: for what happens once, as
// the end of a server does. False when the deadline, of SteadyNow, came first.
bool AwaitUntil(absl::Mutex* mutex, const absl::Condition& condition, absl::Time deadline)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

// A condition variable for an absl::Mutex whose deadlines are times of SteadyNow. As with any, a
// wait may end without a reason.
class SteadyCondVar {
 public:
  void Signal() { condition_.notify_one(); }
  void SignalAll() { condition_.notify_all(); }

  void Wait(absl::Mutex* mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // True when the deadline has passed.
  bool WaitUntil(absl::Mutex* mutex, absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

 private:
  std::condition_variable_any condition_;
};

}  // namespace descent

#endif  // CLOCK_STEADY_H_
