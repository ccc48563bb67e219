#include "client/cli/encoding/standardization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"

namespace descent::cli {
namespace {

using testing::DoubleNear;
using testing::Each;

constexpr double kMost = std::numeric_limits<double>::max();
constexpr double kLeast = std::numeric_limits<double>::denorm_min();

std::vector<double> Encoded(const std::vector<double>& values) {
  const Standardization standardization = Standardize(values);
  EXPECT_TRUE(std::isfinite(standardization.mean));
  EXPECT_TRUE(std::isfinite(standardization.scale));
  EXPECT_GT(standardization.scale, 0);
  std::vector<double> encoded;
  for (const double value : values) encoded.push_back(standardization.Encode(value));
  return encoded;
}

// Checks that the encoded values are what those of `small` are, which has the same spread.
void ExpectSame(const std::vector<double>& values, const std::vector<double>& small, double within,
                const std::string& what) {
  const std::vector<double> actual = Encoded(values);
  const std::vector<double> expected = Encoded(small);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], within) << what << ", value " << i;
  }
}

TEST(StandardizationTest, LosesNothingToALargeCommonPart) {
  std::vector<double> small;
  for (int i = 0; i < 1000; ++i) small.push_back(i * 37 % 101);
  for (const double offset : {0.0, 1e6, -1e9, 1e12, 1e15, -1e15, 4503599627370496.0}) {
    std::vector<double> values;
    for (const double value : small) values.push_back(offset + value);
    ExpectSame(values, small, 1e-2 * std::abs(offset) / 1e15 + 1e-12, absl::StrCat(offset));
  }
}

TEST(StandardizationTest, KeepsWhatNeighbouringNumbersTell) {
  // Two values side by side, wherever they are: the largest difference is two deviations.
  for (const double low : {1e16, 1e17, 1e100, 1e300, -1e300, kMost / 2}) {
    const double high = std::nextafter(low, 2 * std::abs(low));
    const std::vector<double> encoded = Encoded({low, high, low, high});
    EXPECT_NEAR(encoded[1] - encoded[0], 2, 1e-9) << low;
    EXPECT_EQ(encoded[0], encoded[2]);
  }
}

TEST(StandardizationTest, ScalesFromTheSmallestToTheLargestNumbers) {
  const std::vector<double> small = {-3, 1, 0, 5, 2};
  for (int exponent = -1060; exponent <= 1020; exponent += 40) {
    std::vector<double> values;
    for (const double value : small) values.push_back(std::scalbn(value, exponent));
    // Denormal numbers have but few digits for their mean and deviation.
    ExpectSame(values, small, exponent < -1000 ? 1e-3 : 1e-12, absl::StrCat(exponent));
  }
}

TEST(StandardizationTest, TakesTheWholeRangeOfNumbers) {
  const std::vector<double> encoded = Encoded({-kMost, kMost, -kMost, kMost});
  EXPECT_THAT(encoded, testing::ElementsAre(DoubleNear(-1, 1e-12), DoubleNear(1, 1e-12),
                                            DoubleNear(-1, 1e-12), DoubleNear(1, 1e-12)));
  EXPECT_NE(Encoded({0, kLeast})[0], Encoded({0, kLeast})[1]);
}

TEST(StandardizationTest, EncodesAConstantAsZero) {
  for (const double constant :
       {0.0, 0.1, -1.0, 1e15 + 1, 123456789012345678.0, 1e300, -kMost, kLeast, 1.0 / 3}) {
    EXPECT_THAT(Encoded(std::vector<double>(97, constant)), Each(0)) << constant;
  }
}

TEST(StandardizationTest, TakesTheRoundingOfAComputedConstantForNone) {
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(i % 2 == 0 ? 0.1 + 0.2 : 0.3);
  EXPECT_TRUE(IsConstant(values));
  EXPECT_THAT(Encoded(values), Each(DoubleNear(0, 1e-15)));
  // Whole numbers are not rounded.
  EXPECT_FALSE(IsConstant({1e15, 1e15 + 1}));
  EXPECT_FALSE(IsConstant({0.3, 0.3000000001}));
}

TEST(StandardizationTest, KeepsAnotherValueThanTheConstantSmall) {
  const Standardization large = Standardize({1e15, 1e15});
  EXPECT_EQ(large.Encode(2e15), 1);
  EXPECT_EQ(Standardize({0.5, 0.5}).Encode(1), 0.5);
}

TEST(StandardizationTest, SumsManyValuesWithoutDrift) {
  const std::vector<double> values(1'000'001, 0.1);
  EXPECT_EQ(Standardize(values).mean, 0.1);
  std::vector<double> mixed;
  for (int i = 0; i < 1'000'000; ++i) mixed.push_back(1e15 + i % 2);
  const Standardization standardization = Standardize(mixed);
  EXPECT_EQ(standardization.mean, 1e15 + 0.5);
  EXPECT_EQ(standardization.scale, 0.5);
}

TEST(StandardizationTest, NeverEncodesAFiniteNumberAsNan) {
  for (const double mean : {-kMost, -1.0, 0.0, kMost}) {
    for (const double scale : {kLeast, 1.0, kMost}) {
      for (const double number : {-kMost, -1.0, 0.0, kLeast, kMost}) {
        EXPECT_FALSE(std::isnan(Standardization{mean, scale}.Encode(number)))
            << mean << " " << scale << " " << number;
      }
    }
  }
}

TEST(MedianTest, IsTheMiddleOrTheMeanOfTwo) {
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(Median({kMost, kMost}), kMost);
  EXPECT_EQ(Median({-kMost, kMost}), 0);
  EXPECT_EQ(Median({kLeast, kLeast}), kLeast);
}

TEST(LoseUnitsTest, SaysWhereWholeNumbersAreNotToldApart) {
  EXPECT_FALSE(LoseUnits({1, 9007199254740992}));
  EXPECT_TRUE(LoseUnits({1, 9007199254740994}));
  EXPECT_TRUE(LoseUnits({-1e17}));
  EXPECT_FALSE(LoseUnits({1e17, 0.5}));  // measured, not counted
}

}  // namespace
}  // namespace descent::cli
