// Lets reads have the core that an update is computed on.
//
// A call wakes a thread that decodes it, and perhaps computes it. Where updates keep all cores
// busy, that thread may wait until the kernel next looks whether another should have its turn,
// which is milliseconds on common ones. So while reads come, threads that compute updates offer
// their core between pieces of work. A thread that wants the core all the time, another program's
// say, may take a turn of milliseconds for each offer: offers are made only as long as what they
// have cost is a small part of the time.

#ifndef SERVER_MODELS_WORK_GIVING_WAY_H_
#define SERVER_MODELS_WORK_GIVING_WAY_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace descent::models {

// What one thread may give away: an eighth of its time, at most 5 ms at once, and not more often
// than every 100 microseconds. Not thread-safe.
class Allowance {
 public:
  // Whether the thread may offer its core. Calls are in the order of their times.
  bool MayOffer(absl::Time now);
  // That it did, and had the core again at `end`.
  void Spend(absl::Time start, absl::Time end);

 private:
  absl::Time earned_until_ = absl::InfinitePast();
  absl::Time last_offer_ = absl::InfinitePast();
  absl::Duration balance_;
};

// Thread-safe.
class GivingWay {
 public:
  // That a read has come.
  void NoteRead();

  // Offers the calling thread's core to others if reads come (one has in the last 20 ms) and the
  // thread's allowance lasts. Takes nanoseconds while no reads come.
  void OfferCore();

  // How many offers have been made.
  std::int64_t offers() const { return offers_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> reads_come_{false};
  std::atomic<std::int64_t> offers_{0};
  std::atomic<std::int64_t> last_read_{0};  // nanoseconds of a steady clock
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WORK_GIVING_WAY_H_
