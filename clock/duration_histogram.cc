#include "clock/duration_histogram.h"

#include <algorithm>

namespace descent {

void DurationHistogram::Add(absl::Duration duration) {
  const std::int64_t nanoseconds = std::max<std::int64_t>(absl::ToInt64Nanoseconds(duration), 0);
  const double seconds = static_cast<double>(nanoseconds) * 1e-9;
  // From the first on: most are in the first few.
  std::size_t bucket = 0;
  while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_nanoseconds_.fetch_add(nanoseconds, std::memory_order_relaxed);
}

DurationHistogram::Counts DurationHistogram::Read() const {
  Counts counts;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    counts.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
  }
  counts.sum_seconds = static_cast<double>(sum_nanoseconds_.load(std::memory_order_relaxed)) * 1e-9;
  return counts;
}

}  // namespace descent
