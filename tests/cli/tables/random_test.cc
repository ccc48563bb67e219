#include "client/cli/tables/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace descent::cli {
namespace {

using testing::ElementsAre;

// Written down once: any other order is a break with the runs of earlier versions.
TEST(RandomTest, IsTheSameOnEveryMachine) {
  EXPECT_THAT(ShuffledRows(8, /*seed=*/0, /*pass=*/0), ElementsAre(5, 6, 3, 4, 1, 2, 0, 7));
  EXPECT_THAT(ShuffledRows(8, /*seed=*/1, /*pass=*/3), ElementsAre(7, 2, 4, 5, 0, 1, 3, 6));
  EXPECT_THAT(SplitRows(10, 0.3, /*seed=*/0).test, ElementsAre(4, 6, 8));
}

TEST(RandomTest, StreamsDiffer) {
  EXPECT_NE(ShuffledRows(50, 0, 0), ShuffledRows(50, 0, 1));
  EXPECT_NE(ShuffledRows(50, 0, 0), ShuffledRows(50, 1, 0));
}

TEST(RandomTest, NormalNumbersHaveTheirMoments) {
  Random random(7, 0);
  constexpr int kCount = 200000;
  double sum = 0;
  double squares = 0;
  double fourths = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = random.Normal();
    sum += x;
    squares += x * x;
    fourths += x * x * x * x;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.01);
  EXPECT_NEAR(squares / kCount, 1, 0.02);
  EXPECT_NEAR(fourths / kCount, 3, 0.15);
}

TEST(RandomTest, BelowIsUniform) {
  Random random(7, 0);
  std::vector<int> counts(3);
  for (int i = 0; i < 30000; ++i) ++counts[random.Below(3)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
}

RC_GTEST_PROP(RandomPropertyTest, AShuffleIsAPermutation, (uint64_t seed, uint64_t pass)) {
  const auto count = *rc::gen::inRange<int64_t>(0, 200);
  std::vector<int64_t> order = ShuffledRows(count, seed, pass);
  std::sort(order.begin(), order.end());
  std::vector<int64_t> expected(count);
  std::iota(expected.begin(), expected.end(), 0);
  RC_ASSERT(order == expected);
}

RC_GTEST_PROP(RandomPropertyTest, ASplitDividesTheRows, (uint64_t seed)) {
  const auto rows = *rc::gen::inRange<int64_t>(0, 200);
  const double fraction = *rc::gen::inRange(0, 101) / 100.0;
  const Split split = SplitRows(rows, fraction, seed);
  RC_ASSERT(static_cast<int64_t>(split.test.size()) ==
            std::llround(static_cast<double>(rows) * fraction));
  RC_ASSERT(std::is_sorted(split.training.begin(), split.training.end()));
  RC_ASSERT(std::is_sorted(split.test.begin(), split.test.end()));
  std::vector<int64_t> all = split.training;
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::sort(all.begin(), all.end());
  std::vector<int64_t> expected(rows);
  std::iota(expected.begin(), expected.end(), 0);
  RC_ASSERT(all == expected);
}

TEST(RandomTest, DrawsTestRowsFromEachClassAlike) {
  std::vector<int32_t> classes;
  for (int i = 0; i < 1000; ++i) classes.push_back(i % 10 == 0 ? 1 : 0);
  const Split split = SplitByClass(classes, 0.2, /*seed=*/5);
  EXPECT_EQ(split.test.size(), 200U);
  EXPECT_EQ(std::count_if(split.test.begin(), split.test.end(),
                          [&classes](int64_t row) { return classes[row] == 1; }),
            20);
  EXPECT_EQ(split.test, SplitByClass(classes, 0.2, 5).test);
  EXPECT_NE(split.test, SplitByClass(classes, 0.2, 6).test);
}

RC_GTEST_PROP(RandomPropertyTest, ASplitByClassLeavesEachClassARow, (uint64_t seed)) {
  const auto classes = *rc::gen::container<std::vector<int32_t>>(rc::gen::inRange<int32_t>(0, 8));
  const double fraction = *rc::gen::inRange(0, 101) / 100.0;
  const Split split = SplitByClass(classes, fraction, seed);
  std::vector<int64_t> all = split.training;
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::sort(all.begin(), all.end());
  std::vector<int64_t> expected(classes.size());
  std::iota(expected.begin(), expected.end(), 0);
  RC_ASSERT(all == expected);
  const auto rows = static_cast<double>(classes.size());
  RC_ASSERT(static_cast<int64_t>(split.test.size()) <= std::llround(rows * fraction));
  for (int32_t c = 0; c < 8; ++c) {
    const auto of_class = [&](int64_t row) { return classes[row] == c; };
    const auto total = std::count(classes.begin(), classes.end(), c);
    const auto test = std::count_if(split.test.begin(), split.test.end(), of_class);
    RC_ASSERT(total == 0 || test < total);
    RC_ASSERT(static_cast<double>(test) <= static_cast<double>(total) * fraction + 1);
  }
}

}  // namespace
}  // namespace descent::cli
