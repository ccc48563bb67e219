#include "server/models/work/giving_way.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace descent::models {
namespace {

// Reads come if the last one came no longer ago.
constexpr absl::Duration kLately = absl::Milliseconds(20);
// Between two offers of a thread.
constexpr absl::Duration kBetweenOffers = absl::Microseconds(100);
// What a thread may give away of its time, and most of what it keeps for later. With a quarter,
// training beside two threads that never sleep was half as fast while reads came; with a sixteenth
// reads waited longer.
constexpr double kShare = 1.0 / 8;
constexpr absl::Duration kMost = absl::Milliseconds(5);

// A time that nobody sets.
absl::Time SteadyNow() {
  const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
  return absl::UnixEpoch() + absl::FromChrono(since_start);
}

}  // namespace

bool Allowance::MayOffer(absl::Time now) {
  balance_ = std::min(balance_ + kShare * (now - earned_until_), kMost);
  earned_until_ = now;
  return balance_ > absl::ZeroDuration() && now - last_offer_ >= kBetweenOffers;
}

void Allowance::Spend(absl::Time start, absl::Time end) {
  balance_ -= end - start;
  earned_until_ = last_offer_ = end;
}

void GivingWay::NoteRead() {
  last_read_.store(absl::ToUnixNanos(SteadyNow()), std::memory_order_relaxed);
  reads_come_.store(true, std::memory_order_relaxed);
}

void GivingWay::OfferCore() {
  if (!reads_come_.load(std::memory_order_relaxed)) return;
  const absl::Time now = SteadyNow();
  if (now - absl::FromUnixNanos(last_read_.load(std::memory_order_relaxed)) > kLately) {
    reads_come_.store(false, std::memory_order_relaxed);
    return;
  }
  thread_local Allowance allowance;
  if (!allowance.MayOffer(now)) return;
  std::this_thread::yield();
  allowance.Spend(now, SteadyNow());
  offers_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace descent::models
