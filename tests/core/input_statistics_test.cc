#include "core/input_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "core/network.h"
#include "gtest/gtest.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using testing::FailsAt;
using testing::RandomMatrix;

// Rows [begin, end) of `all`.
Matrix Rows(const Matrix& all, std::int64_t begin, std::int64_t end) {
  Matrix rows(all.type(), end - begin, all.cols());
  for (std::int64_t i = begin; i < end; ++i) {
    for (std::int64_t j = 0; j < all.cols(); ++j) rows.Set(i - begin, j, all.At(i, j));
  }
  return rows;
}

// Σ weight (x − mean)² / Σ weight in two passes, rows weighing as the definition says.
struct Reference {
  Reference(const Matrix& all, std::int64_t feature, double half_life) {
    std::vector<double> weights;
    double total = 0;
    for (std::int64_t i = 0; i < all.rows(); ++i) {
      const auto followed_by = static_cast<double>(all.rows() - 1 - i);
      weights.push_back(half_life == 0 ? 1 : std::exp2(-followed_by / half_life));
      total += weights.back();
    }
    for (std::int64_t i = 0; i < all.rows(); ++i) {
      mean += weights[static_cast<std::size_t>(i)] * all.At(i, feature) / total;
    }
    for (std::int64_t i = 0; i < all.rows(); ++i) {
      const double deviation = all.At(i, feature) - mean;
      variance += weights[static_cast<std::size_t>(i)] * deviation * deviation / total;
    }
  }
  double mean = 0;
  double variance = 0;
};

TEST(InputStatisticsTest, AreThoseOfTwoPassesHoweverRowsAreCut) {
  const Matrix all = RandomMatrix(DataType::kFloat64, 300, 4, 5, -2, 7);
  for (const double half_life : {0.0, 1.0, 25.0, 1e9}) {
    for (const std::int64_t batch : {1, 7, 300}) {
      SCOPED_TRACE(::testing::Message() << "half-life " << half_life << " batch " << batch);
      InputStatistics statistics(4);
      for (std::int64_t i = 0; i < 300; i += batch) {
        statistics.Merge({.half_life_rows = half_life},
                         Rows(all, i, std::min<std::int64_t>(i + batch, 300)));
      }
      EXPECT_EQ(statistics.rows(), 300);
      for (std::int64_t j = 0; j < 4; ++j) {
        const Reference reference(all, j, half_life);
        EXPECT_NEAR(statistics.Mean(j), reference.mean, 1e-12);
        EXPECT_NEAR(statistics.Variance(j), reference.variance, 1e-11);
      }
    }
  }
}

// Ten million rows with a mean of a million and a deviation of one, where sums of squares would
// have lost every digit.
TEST(InputStatisticsTest, KeepTheirDigitsOverTenMillionRows) {
  constexpr std::int64_t kBatches = 10000;
  constexpr std::int64_t kRows = 1000;
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal(1e6, 1);
  InputStatistics statistics(1);
  // The reference: deviations from the known mean, in long double.
  long double sum = 0;
  long double squares = 0;
  Matrix batch(DataType::kFloat64, kRows, 1);
  for (std::int64_t b = 0; b < kBatches; ++b) {
    for (std::int64_t i = 0; i < kRows; ++i) {
      const double x = normal(random);
      batch.Set(i, 0, x);
      const long double deviation = static_cast<long double>(x) - 1e6L;
      sum += deviation;
      squares += deviation * deviation;
    }
    statistics.Merge({}, batch);
  }
  constexpr long double kAll = kBatches * kRows;
  const long double mean = sum / kAll;
  const auto variance = static_cast<double>(squares / kAll - mean * mean);
  EXPECT_EQ(statistics.rows(), kBatches * kRows);
  EXPECT_NEAR(statistics.Mean(0), 1e6 + static_cast<double>(mean), 1e-9);
  EXPECT_NEAR(statistics.Variance(0) / variance, 1, 1e-9);
}

TEST(InputStatisticsTest, OfNoRowsLeaveInputsAsTheyAre) {
  const InputStatistics statistics(3);
  const Matrix inputs = RandomMatrix(DataType::kFloat64, 2, 3, 1);
  Matrix normalized;
  Matrix scales;
  statistics.Normalize({}, inputs, nullptr, &normalized, &scales);
  for (std::int64_t i = 0; i < inputs.size(); ++i) {
    EXPECT_NEAR(normalized.buffer().At(i), inputs.buffer().At(i), 1e-8);
  }
}

TEST(InputStatisticsTest, AFeatureThatDoesNotChangeIsZero) {
  for (const double value : {0.0, 0.1, -1e17}) {
    InputStatistics statistics(1);
    Matrix inputs(DataType::kFloat64, 7, 1);
    for (std::int64_t i = 0; i < 7; ++i) inputs.Set(i, 0, value);
    for (int i = 0; i < 5; ++i) statistics.Merge({.half_life_rows = 3}, inputs);
    EXPECT_EQ(statistics.Variance(0), 0);
    Matrix normalized;
    Matrix scales;
    statistics.Normalize({}, inputs, nullptr, &normalized, &scales);
    EXPECT_EQ(normalized.At(3, 0), 0) << value;
  }
}

TEST(InputStatisticsTest, FreezeOnceSoManyRowsHaveCome) {
  const Matrix inputs = RandomMatrix(DataType::kFloat32, 10, 2, 1);
  InputStatistics statistics(2);
  const InputNormalizationSpec spec{.freeze_after_rows = 15};
  statistics.Merge(spec, inputs);
  statistics.Merge(spec, inputs);  // whole, though only half of it was missing
  const std::vector<double> frozen(statistics.values().begin(), statistics.values().end());
  statistics.Merge(spec, RandomMatrix(DataType::kFloat32, 10, 2, 2));
  EXPECT_EQ(statistics.rows(), 20);
  EXPECT_EQ(std::vector(statistics.values().begin(), statistics.values().end()), frozen);
}

TEST(InputStatisticsTest, AreWhatTheirValuesSay) {
  InputStatistics statistics(3);
  statistics.Merge({.half_life_rows = 4}, RandomMatrix(DataType::kFloat32, 9, 3, 1));
  const InputStatistics copy(
      std::vector<double>(statistics.values().begin(), statistics.values().end()));
  EXPECT_EQ(copy.rows(), 9);
  EXPECT_EQ(copy.weight(), statistics.weight());
  EXPECT_EQ(copy.Mean(2), statistics.Mean(2));
  EXPECT_EQ(copy.Variance(2), statistics.Variance(2));
}

TEST(InputNormalizationTest, BadSettingsAreNamed) {
  const auto create = [](const InputNormalizationSpec& normalization) {
    NetworkSpec spec = testing::DenseNetwork(2, {1}, IdentityActivation{}, MeanSquaredErrorLoss{},
                                             DataType::kFloat32);
    spec.input_normalization = normalization;
    return Network::Create(spec).status();
  };
  EXPECT_THAT(create({.epsilon = 0}), FailsAt("input_normalization.epsilon", "INVALID_FIELD"));
  EXPECT_THAT(create({.freeze_after_rows = -1}),
              FailsAt("input_normalization.freeze_after_rows", "INVALID_FIELD"));
  EXPECT_THAT(create({.half_life_rows = 0.5}),
              FailsAt("input_normalization.half_life_rows", "INVALID_FIELD"));
  EXPECT_THAT(create({.half_life_rows = std::nan("")}),
              FailsAt("input_normalization.half_life_rows", "INVALID_FIELD"));
}

}  // namespace
}  // namespace descent
