// Metrics, streamed batch by batch, against slow versions that look at all rows at once.

#include "core/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/random_network.h"
#include "tests/support/random_targets.h"

namespace descent {
namespace {

using ::descent::testing::DenseNetwork;
using ::descent::testing::MakeNetwork;
using ::testing::DoubleNear;
using ::testing::Key;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// Rows of one evaluation, whole.
struct Rows {
  Matrix outputs;
  Targets targets;
  Matrix weights;  // always given

  std::int64_t count() const { return outputs.rows(); }
  double w(std::int64_t i, std::int64_t d) const { return outputs.At(i, d); }
  double y(std::int64_t i, std::int64_t d) const { return std::get<Matrix>(targets).At(i, d); }
  double v(std::int64_t i) const { return weights.At(i, 0); }
  double total_weight() const {
    double sum = 0;
    for (std::int64_t i = 0; i < count(); ++i) sum += v(i);
    return sum;
  }
};

std::shared_ptr<const Network> NetworkFor(const LossSpec& loss, std::int64_t outputs) {
  return MakeNetwork(DenseNetwork(3, {outputs}, IdentityActivation{}, loss, DataType::kFloat64));
}

Matrix Slice(const Matrix& matrix, std::int64_t begin, std::int64_t rows) {
  Matrix slice(matrix.type(), rows, matrix.cols());
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < matrix.cols(); ++j) slice.Set(i, j, matrix.At(begin + i, j));
  }
  return slice;
}

// In batches of 1, 2, 3, … rows.
MetricsSummary Stream(const std::shared_ptr<const Network>& network, const Rows& rows) {
  MetricsAccumulator accumulator(network);
  std::int64_t size = 1;
  for (std::int64_t begin = 0; begin < rows.count(); begin += size++) {
    const std::int64_t n = std::min(size, rows.count() - begin);
    Targets targets;
    if (const auto* values = std::get_if<Matrix>(&rows.targets)) {
      targets = Slice(*values, begin, n);
    } else {
      const auto& classes = std::get<ClassIndices>(rows.targets);
      targets = ClassIndices(classes.begin() + begin, classes.begin() + begin + n);
    }
    accumulator.Add(Slice(rows.outputs, begin, n), targets, Slice(rows.weights, begin, n));
  }
  EXPECT_EQ(accumulator.rows(), rows.count());
  return accumulator.Finish();
}

// Weights with some zeros among them.
Matrix SomeWeights(std::int64_t rows, std::mt19937_64* random) {
  Matrix weights(DataType::kFloat64, rows, 1);
  for (std::int64_t i = 0; i < rows; ++i) {
    weights.Set(i, 0, i % 5 == 3 ? 0 : static_cast<double>((*random)() % 1000) / 250 + 0.1);
  }
  return weights;
}

double Mean(const Rows& rows, const std::function<double(std::int64_t)>& of_row) {
  double sum = 0;
  for (std::int64_t i = 0; i < rows.count(); ++i) {
    if (rows.v(i) > 0) sum += rows.v(i) * of_row(i);
  }
  return sum / rows.total_weight();
}

TEST(MetricsTest, Regression) {
  std::mt19937_64 random(1);
  for (const auto& [loss, outputs] : {std::pair<LossSpec, int>{MeanSquaredErrorLoss{}, 1},
                                      {HuberLoss{}, 3},
                                      {PoissonLoss{}, 2}}) {
    const auto network = NetworkFor(loss, outputs);
    Rows rows{.outputs = testing::RandomMatrix(DataType::kFloat64, 57, outputs, 3, -2, 2),
              .targets = testing::RandomMatrix(DataType::kFloat64, 57, outputs, 4, 0, 5),
              .weights = SomeWeights(57, &random)};
    const MetricsSummary summary = Stream(network, rows);
    const bool is_rate = std::holds_alternative<PoissonLoss>(loss);
    const auto prediction = [&](std::int64_t i, std::int64_t d) {
      return is_rate ? std::exp(rows.w(i, d)) : rows.w(i, d);
    };
    double mse = 0;
    double mae = 0;
    double r2 = 0;
    for (int d = 0; d < outputs; ++d) {
      const auto residual = [&](std::int64_t i) { return prediction(i, d) - rows.y(i, d); };
      const double squares = Mean(rows, [&](std::int64_t i) { return residual(i) * residual(i); });
      const double mean = Mean(rows, [&](std::int64_t i) { return rows.y(i, d); });
      const double variance =
          Mean(rows, [&](std::int64_t i) { return std::pow(rows.y(i, d) - mean, 2); });
      mse += squares / outputs;
      mae += Mean(rows, [&](std::int64_t i) { return std::abs(residual(i)); }) / outputs;
      r2 += (1 - squares / variance) / outputs;
    }
    EXPECT_EQ(summary.rows, 57);
    EXPECT_THAT(summary.metrics,
                UnorderedElementsAre(Pair("rmse", DoubleNear(std::sqrt(mse), 1e-12)),
                                     Pair("mae", DoubleNear(mae, 1e-12)),
                                     Pair("r2", DoubleNear(r2, 1e-12))));
    if (std::holds_alternative<MeanSquaredErrorLoss>(loss)) {
      EXPECT_NEAR(summary.loss, mse, 1e-12);
    }
  }
}

TEST(MetricsTest, RegressionKeepsItsDigitsFarFromZero) {
  const auto network = NetworkFor(MeanSquaredErrorLoss{}, 1);
  Rows rows{.outputs = Matrix(DataType::kFloat64, 1000, 1),
            .targets = Matrix(DataType::kFloat64, 1000, 1),
            .weights = Matrix(DataType::kFloat64, 1000, 1)};
  for (std::int64_t i = 0; i < 1000; ++i) {
    std::get<Matrix>(rows.targets).Set(i, 0, 1e9 + static_cast<double>(i % 2));  // variance 1/4
    rows.outputs.Set(i, 0, 1e9 + 0.25 + 0.5 * static_cast<double>(i % 2));       // squares 1/16
    rows.weights.Set(i, 0, 1);
  }
  EXPECT_NEAR(Stream(network, rows).metrics.at("r2"), 0.75, 1e-9);
}

TEST(MetricsTest, ConstantTargetsAreMetOrNot) {
  const auto network = NetworkFor(MeanSquaredErrorLoss{}, 1);
  for (const double prediction : {2.0, 2.5}) {
    Rows rows{.outputs = Matrix(DataType::kFloat64, 3, 1),
              .targets = Matrix(DataType::kFloat64, 3, 1),
              .weights = Matrix(DataType::kFloat64, 3, 1)};
    for (std::int64_t i = 0; i < 3; ++i) {
      rows.outputs.Set(i, 0, prediction);
      std::get<Matrix>(rows.targets).Set(i, 0, 2);
      rows.weights.Set(i, 0, 1);
    }
    EXPECT_EQ(Stream(network, rows).metrics.at("r2"), prediction == 2 ? 1 : 0);
  }
}

// The definition of roc_auc: every pair of rows of the two classes.
double PairwiseAuc(const Rows& rows, const std::vector<bool>& is_class_1,
                   const std::vector<double>& scores) {
  double wins = 0;
  double pairs = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (std::size_t j = 0; j < scores.size(); ++j) {
      if (!is_class_1[i] || is_class_1[j]) continue;
      const double weight =
          rows.v(static_cast<std::int64_t>(i)) * rows.v(static_cast<std::int64_t>(j));
      pairs += weight;
      wins += weight * (scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0);
    }
  }
  return wins / pairs;
}

// precision, recall, f1 and roc_auc by counting.
std::map<std::string, double> TwoClasses(const Rows& rows, const std::vector<bool>& is_class_1,
                                         const std::vector<bool>& predicted,
                                         const std::vector<double>& scores) {
  double both = 0;
  double only_predicted = 0;
  double only_true = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    const double weight = rows.v(static_cast<std::int64_t>(i));
    if (predicted[i] && is_class_1[i]) both += weight;
    if (predicted[i] && !is_class_1[i]) only_predicted += weight;
    if (!predicted[i] && is_class_1[i]) only_true += weight;
  }
  const double precision = both / (both + only_predicted);
  const double recall = both / (both + only_true);
  return {{"precision", precision},
          {"recall", recall},
          {"f1", 2 * precision * recall / (precision + recall)},
          {"roc_auc", PairwiseAuc(rows, is_class_1, scores)}};
}

void ExpectMetrics(const std::map<std::string, double>& actual,
                   const std::map<std::string, double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, value] : expected) {
    ASSERT_TRUE(actual.contains(name)) << name;
    EXPECT_NEAR(actual.at(name), value, 1e-12) << name;
  }
}

TEST(MetricsTest, Classes) {
  std::mt19937_64 random(2);
  for (const int outputs : {2, 4}) {
    for (const bool distributions : {false, true}) {
      const auto network = NetworkFor(SoftmaxCrossEntropyLoss{}, outputs);
      Rows rows{.outputs = Matrix(DataType::kFloat64, 90, outputs),
                .targets = Matrix(DataType::kFloat64, 90, outputs),
                .weights = SomeWeights(90, &random)};
      ClassIndices classes(90);
      for (std::int64_t i = 0; i < 90; ++i) {
        double sum = 0;
        for (std::int64_t d = 0; d < outputs; ++d) {
          // Few distinct values, so that scores tie.
          rows.outputs.Set(i, d, static_cast<double>(random() % 7) - 3);
          const double share = static_cast<double>(random() % 9) + 0.5;
          std::get<Matrix>(rows.targets).Set(i, d, share);
          sum += share;
        }
        for (std::int64_t d = 0; d < outputs; ++d) {
          std::get<Matrix>(rows.targets).Set(i, d, rows.y(i, d) / sum);
        }
      }
      std::vector<bool> is_class_1;
      std::vector<bool> predicted;
      std::vector<double> scores;
      std::vector<std::int64_t> largest_output(90);
      for (std::int64_t i = 0; i < 90; ++i) {
        std::int64_t actual = 0;
        for (std::int64_t d = 1; d < outputs; ++d) {
          if (rows.y(i, d) > rows.y(i, actual)) actual = d;
          auto& largest = largest_output[static_cast<std::size_t>(i)];
          if (rows.w(i, d) > rows.w(i, largest)) largest = d;
        }
        classes[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(actual);
        is_class_1.push_back(actual == 1);
        predicted.push_back(largest_output[static_cast<std::size_t>(i)] == 1);
        scores.push_back(rows.w(i, 1) - rows.w(i, 0));
      }
      const auto log_p = [&](std::int64_t i, std::int64_t d) {
        double sum = 0;
        for (std::int64_t e = 0; e < outputs; ++e) sum += std::exp(rows.w(i, e));
        return std::log(std::exp(rows.w(i, d)) / sum);
      };
      std::map<std::string, double> expected;
      if (outputs == 2) expected = TwoClasses(rows, is_class_1, predicted, scores);
      expected["accuracy"] = Mean(rows, [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        return classes[at] == largest_output[at] ? 1 : 0;
      });
      expected["log_loss"] = Mean(rows, [&](std::int64_t i) {
        if (!distributions) return -log_p(i, classes[static_cast<std::size_t>(i)]);
        double sum = 0;
        for (std::int64_t d = 0; d < outputs; ++d) sum -= rows.y(i, d) * log_p(i, d);
        return sum;
      });
      if (!distributions) rows.targets = classes;
      const MetricsSummary summary = Stream(network, rows);
      ExpectMetrics(summary.metrics, expected);
      EXPECT_NEAR(summary.loss, expected["log_loss"], 1e-12);
    }
  }
}

TEST(MetricsTest, Probabilities) {
  std::mt19937_64 random(3);
  for (const int outputs : {1, 3}) {
    const auto network = NetworkFor(BinaryCrossEntropyLoss{}, outputs);
    Rows rows{.outputs = Matrix(DataType::kFloat64, 80, outputs),
              .targets = Matrix(DataType::kFloat64, 80, outputs),
              .weights = SomeWeights(80, &random)};
    std::vector<bool> is_class_1;
    std::vector<bool> predicted;
    std::vector<double> scores;
    for (std::int64_t i = 0; i < 80; ++i) {
      for (std::int64_t d = 0; d < outputs; ++d) {
        rows.outputs.Set(i, d, static_cast<double>(random() % 9) - 4);
        std::get<Matrix>(rows.targets).Set(i, d, static_cast<double>(random() % 5) / 4);
      }
      is_class_1.push_back(rows.y(i, 0) >= 0.5);
      predicted.push_back(rows.w(i, 0) >= 0);
      scores.push_back(rows.w(i, 0));
    }
    std::map<std::string, double> expected;
    if (outputs == 1) expected = TwoClasses(rows, is_class_1, predicted, scores);
    for (int d = 0; d < outputs; ++d) {
      expected["accuracy"] += Mean(rows,
                                   [&](std::int64_t i) {
                                     return (rows.w(i, d) >= 0) == (rows.y(i, d) >= 0.5) ? 1 : 0;
                                   }) /
                              outputs;
      expected["log_loss"] +=
          Mean(rows,
               [&](std::int64_t i) {
                 const double p = 1 / (1 + std::exp(-rows.w(i, d)));
                 return -rows.y(i, d) * std::log(p) - (1 - rows.y(i, d)) * std::log(1 - p);
               }) /
          outputs;
    }
    const MetricsSummary summary = Stream(network, rows);
    ExpectMetrics(summary.metrics, expected);
    EXPECT_NEAR(summary.loss, expected["log_loss"], 1e-12);
  }
}

TEST(MetricsTest, OneClassAloneHasNoRocCurve) {
  const auto network = NetworkFor(BinaryCrossEntropyLoss{}, 1);
  Rows rows{.outputs = testing::RandomMatrix(DataType::kFloat64, 4, 1, 1, -3, -1),
            .targets = Matrix(DataType::kFloat64, 4, 1),
            .weights = Matrix(DataType::kFloat64, 4, 1)};
  for (std::int64_t i = 0; i < 4; ++i) rows.weights.Set(i, 0, 1);
  EXPECT_THAT(Stream(network, rows).metrics,
              UnorderedElementsAre(Pair("accuracy", 1), Key("log_loss"), Pair("precision", 0),
                                   Pair("recall", 0), Pair("f1", 0)));
}

TEST(MetricsTest, RowsWithoutWeightCountForNothing) {
  const auto network = NetworkFor(MeanSquaredErrorLoss{}, 1);
  Rows rows{.outputs = Matrix(DataType::kFloat64, 2, 1),
            .targets = Matrix(DataType::kFloat64, 2, 1),
            .weights = Matrix(DataType::kFloat64, 2, 1)};
  rows.outputs.Set(0, 0, 1);
  rows.weights.Set(0, 0, 1);
  std::get<Matrix>(rows.targets).Set(1, 0, 1e300);  // its square is no number
  MetricsAccumulator accumulator(network);
  accumulator.Add(rows.outputs, rows.targets, rows.weights);
  const MetricsSummary summary = accumulator.Finish();
  EXPECT_EQ(summary.loss, 1);
  EXPECT_EQ(summary.metrics.at("rmse"), 1);
}

TEST(MetricsTest, WithoutWeightsEveryRowCountsOnce) {
  const auto network = NetworkFor(MeanSquaredErrorLoss{}, 1);
  const Matrix outputs = testing::RandomMatrix(DataType::kFloat64, 9, 1, 1);
  Rows rows{.outputs = outputs.Clone(),
            .targets = testing::RandomMatrix(DataType::kFloat64, 9, 1, 2),
            .weights = Matrix(DataType::kFloat64, 9, 1)};
  for (std::int64_t i = 0; i < 9; ++i) rows.weights.Set(i, 0, 1);
  MetricsAccumulator accumulator(network);
  accumulator.Add(rows.outputs, rows.targets, Matrix());
  const MetricsSummary unweighted = accumulator.Finish();
  EXPECT_EQ(unweighted.metrics, Stream(network, rows).metrics);
}

// The same targets as values: the indicator of a class, or the number itself for a single output.
Matrix AsValues(const Network& network, const ClassIndices& classes) {
  const auto rows = static_cast<std::int64_t>(classes.size());
  Matrix values(network.data_type(), rows, network.outputs());
  const bool is_number = GetLossInfo(network.spec().loss).targets != TargetKind::kDistribution;
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int32_t index = classes[static_cast<std::size_t>(i)];
    values.Set(i, is_number ? 0 : index, is_number ? index : 1);
  }
  return values;
}

TEST(MetricsTest, TargetsOfEveryFormThatALossAcceptsGiveTheSameMetrics) {
  int accepted = 0;
  for (const LossInfo& loss : Losses()) {
    for (const std::int64_t outputs : {1, 2, 3}) {
      const auto network = NetworkFor(loss.defaults, outputs);
      const Targets classes = testing::RandomTargets(loss.targets, testing::TargetForm::kClasses,
                                                     DataType::kFloat64, 20, outputs, 5);
      if (!network->ValidateTargets(classes, 20).ok()) continue;
      ++accepted;
      const Matrix w = testing::RandomMatrix(DataType::kFloat64, 20, outputs, 6, -2, 2);
      const Targets values = AsValues(*network, std::get<ClassIndices>(classes));
      // Batches of both forms may come in one evaluation.
      MetricsAccumulator mixed(network);
      mixed.Add(w, classes, Matrix());
      mixed.Add(w, values, Matrix());
      MetricsAccumulator one_form(network);
      one_form.Add(w, values, Matrix());
      one_form.Add(w, values, Matrix());
      const MetricsSummary expected = one_form.Finish();
      const MetricsSummary actual = mixed.Finish();
      EXPECT_NEAR(actual.loss, expected.loss, 1e-12) << loss.name << ", outputs " << outputs;
      ExpectMetrics(actual.metrics, expected.metrics);
    }
  }
  EXPECT_EQ(accepted, 4);  // three of softmax, one of binary cross-entropy
}

}  // namespace
}  // namespace descent
