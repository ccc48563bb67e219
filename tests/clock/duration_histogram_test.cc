#include "clock/duration_histogram.h"

#include <cstdint>
#include <numeric>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace descent {
namespace {

std::uint64_t Total(const DurationHistogram& histogram) {
  const auto buckets = histogram.Read().buckets;
  return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

TEST(DurationHistogramTest, PutsEachDurationIntoTheBucketWhoseBoundItDoesNotExceed) {
  for (std::size_t i = 0; i < DurationHistogram::kBounds.size(); ++i) {
    DurationHistogram histogram;
    const absl::Duration bound = absl::Seconds(DurationHistogram::kBounds[i]);
    histogram.Add(bound);
    histogram.Add(bound + absl::Microseconds(1));
    EXPECT_EQ(histogram.Read().buckets[i], 1) << i;
    EXPECT_EQ(histogram.Read().buckets[i + 1], 1) << i;
    EXPECT_EQ(Total(histogram), 2);
  }
}

TEST(DurationHistogramTest, AddsUpWhatItIsGiven) {
  DurationHistogram histogram;
  histogram.Add(absl::Milliseconds(250));
  histogram.Add(absl::Seconds(100));
  histogram.Add(absl::Seconds(-5));
  EXPECT_DOUBLE_EQ(histogram.Read().sum_seconds, 100.25);
  EXPECT_EQ(histogram.Read().buckets.back(), 1);
  EXPECT_EQ(histogram.Read().buckets.front(), 1) << "of the one that took less than no time";
}

TEST(DurationHistogramTest, LosesNothingOfManyThreads) {
  DurationHistogram histogram;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10000; ++j) histogram.Add(absl::Microseconds(1));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Total(histogram), 40000);
  EXPECT_NEAR(histogram.Read().sum_seconds, 0.04, 1e-12);
}

}  // namespace
}  // namespace descent
