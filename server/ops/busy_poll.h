// Asks for events again and again before it waits for them, where the next is likely to come sooner
// than a thread that waits would be woken: on a virtual machine that takes as long as a prediction.
//
// It is for processors that have nothing else to do: another is to be idle beside the thread's own.
// And a thread that finds that it was kept from its own, as others want it, waits as usual for a
// hundred times as long as it was kept, or asked; within a quota of processor time it soon ends.

#ifndef SERVER_OPS_BUSY_POLL_H_
#define SERVER_OPS_BUSY_POLL_H_

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

namespace descent::ops {

// Of one thread.
class BusyPoll {
 public:
  // It asks no longer than this, and only if the last wait was no longer either: as long as Linux
  // itself does on a virtual machine before it gives an idle processor back (guest_halt_poll_ns).
  static constexpr absl::Duration kMost = absl::Microseconds(200);
  // So many processors are to be left by the other threads, its own among them.
  static constexpr double kSpare = 1.9;
  // A thread that is so long between two questions was kept from its processor: by another thread,
  // which has it for most of a millisecond at least, and not by an interrupt.
  static constexpr absl::Duration kKept = absl::Microseconds(100);
  static constexpr int kRest = 100;

  // Calls `ask`, which returns how many events there are and does not wait, until there are some or
  // it is no longer worth it. Returns their number, 0 for none. `now` is a clock.
  int Poll(absl::FunctionRef<int()> ask, absl::FunctionRef<absl::Time()> now);

  // So many processors were left lately. None are known of before.
  void NoteSpare(double processors) { has_spare_ = processors >= kSpare; }
  // So long it took until there was an event, asking included.
  void NoteWait(absl::Duration wait) { last_wait_ = wait; }

 private:
  bool has_spare_ = false;
  absl::Duration last_wait_ = absl::InfiniteDuration();
  absl::Time rests_until_ = absl::InfinitePast();
};

}  // namespace descent::ops

#endif  // SERVER_OPS_BUSY_POLL_H_
