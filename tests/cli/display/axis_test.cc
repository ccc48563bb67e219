#include "client/cli/display/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace descent::cli {
namespace {

using testing::ElementsAre;

std::vector<std::string> Labels(const Axis& axis) {
  std::vector<std::string> labels;
  for (const Tick& tick : axis.ticks()) labels.push_back(tick.label);
  return labels;
}

TEST(AxisTest, TicksAreRound) {
  const Axis axis = Axis::Fit({0.21, 0.83}, 5);
  EXPECT_FALSE(axis.logarithmic());
  EXPECT_THAT(Labels(axis), ElementsAre("0.0", "0.2", "0.4", "0.6", "0.8", "1.0"));
  EXPECT_EQ(axis.Position(0), 0);
  EXPECT_EQ(axis.Position(1), 1);
}

TEST(AxisTest, DoesNotBeginAtZeroWhenThatIsFar) {
  EXPECT_THAT(Labels(Axis::Fit({52000, 58000}, 3)),
              ElementsAre("52,000", "54,000", "56,000", "58,000"));
}

TEST(AxisTest, CrossesZeroExactly) {
  EXPECT_THAT(Labels(Axis::Fit({-0.31, 0.29}, 4)),
              ElementsAre("-0.4", "-0.2", "0.0", "0.2", "0.4"));
}

TEST(AxisTest, IsLogarithmicOverAWideRange) {
  const Axis axis = Axis::Fit({0.02, 1.3}, 5);
  EXPECT_TRUE(axis.logarithmic());
  EXPECT_THAT(Labels(axis), ElementsAre("0.02", "0.05", "0.1", "0.2", "0.5", "1"));
  EXPECT_NEAR(axis.Position(0.1) - axis.Position(0.01), axis.Position(1) - axis.Position(0.1),
              1e-12);
}

TEST(AxisTest, KeepsPowersOfTenAloneOverAVeryWideRange) {
  EXPECT_THAT(Labels(Axis::Fit({1e-5, 1e3}, 5)), ElementsAre("0.0001", "0.01", "1", "100"));
}

TEST(AxisTest, IsNeverEmpty) {
  for (const std::vector<double>& values :
       {std::vector<double>{}, {0}, {5}, {-3, -3}, {NAN, INFINITY}, {1e-9}, {1e12}}) {
    const Axis axis = Axis::Fit(values, 5);
    EXPECT_GE(axis.ticks().size(), 2U);
    for (const double value : values) {
      if (!std::isfinite(value)) continue;
      EXPECT_GE(axis.Position(value), 0);
      EXPECT_LE(axis.Position(value), 1);
    }
  }
}

TEST(AxisTest, CountsFromAnywhereAndFar) {
  EXPECT_THAT(Labels(Axis::Counting(1, 3000, 6)),
              ElementsAre("1", "500", "1,000", "1,500", "2,000", "2,500", "3,000"));
  EXPECT_THAT(Labels(Axis::Counting(480, 3000, 6)),
              ElementsAre("500", "1,000", "1,500", "2,000", "2,500", "3,000"));
  EXPECT_THAT(Labels(Axis::Counting(int64_t{1} << 40, (int64_t{1} << 40) + 2, 6)),
              ElementsAre("1,099,511,627,776", "1,099,511,627,777", "1,099,511,627,778"));
}

TEST(AxisTest, CountsInWholeNumbers) {
  EXPECT_THAT(Labels(Axis::Counting(1, 30, 12)),
              ElementsAre("1", "5", "10", "15", "20", "25", "30"));
  EXPECT_THAT(Labels(Axis::Counting(1, 3, 12)), ElementsAre("1", "2", "3"));
  EXPECT_THAT(Labels(Axis::Counting(1, 1, 12)), ElementsAre("1"));
  EXPECT_EQ(Axis::Counting(1, 1, 12).Position(1), 0.5);
}

}  // namespace
}  // namespace descent::cli
