// How long something took, each time: counted in buckets, for a graph of them over time.

#ifndef CLOCK_DURATION_HISTOGRAM_H_
#define CLOCK_DURATION_HISTOGRAM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace descent {

// Thread-safe. Counting is two additions to atomics that nobody waits for.
class DurationHistogram {
 public:
  // The buckets' upper bounds, inclusive, in seconds; one more has no bound. From what a small
  // prediction takes to what nobody waits for.
  static constexpr std::array<double, 16> kBounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                     0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                                     1,      2.5,     5,      10};

  struct Counts {
    std::array<std::uint64_t, kBounds.size() + 1> buckets{};  // each for itself
    double sum_seconds = 0;
  };

  // Negative durations count as none.
  void Add(absl::Duration duration);

  // What was added before, and of what is being added now maybe a part.
  Counts Read() const;

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> buckets_{};
  std::atomic<std::int64_t> sum_nanoseconds_{0};
};

}  // namespace descent

#endif  // CLOCK_DURATION_HISTOGRAM_H_
