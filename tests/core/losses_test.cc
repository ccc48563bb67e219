// Every loss of the table: gradients, PyTorch's numbers, bits, stability, what it asks of targets.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numbers>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/losses/kinds.h"
#include "gtest/gtest.h"
#include "tests/support/golden.h"
#include "tests/support/golden_options.h"
#include "tests/support/gradient_check.h"
#include "tests/support/parameters.h"
#include "tests/support/random_network.h"
#include "tests/support/random_targets.h"
#include "tests/support/status_matchers.h"

namespace descent {
namespace {

using testing::CentralDifference;
using testing::DerivativesAgree;
using testing::FailsAt;
using testing::GoldenCases;
using ::testing::HasSubstr;
using testing::IsGolden;
using testing::IsOk;
using testing::Json;
using testing::MatrixOf;
using testing::ParametersIn;
using testing::ParametersOf;
using testing::RandomMatrix;
using testing::RandomTargets;
using testing::StatusIs;
using testing::TargetForm;
using testing::TargetsOf;
using testing::WithOptions;
using testing::WithParameters;

std::unique_ptr<Loss> Make(const LossSpec& spec) {
  auto made = MakeLoss(spec);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

template <typename T>
TargetView<T> View(const Targets& targets) {
  if (const auto* values = std::get_if<Matrix>(&targets)) return {.values = values->data<T>()};
  return {.classes = std::get<ClassIndices>(targets).data()};
}

template <typename T>
struct Result {
  std::vector<T> losses;
  std::vector<T> gradient;
};

// Every row with scale `scales[i]`, or 1 when there are none.
template <typename T>
Result<T> Evaluate(const Loss& loss, const Matrix& predictions, const Targets& targets,
                   std::vector<T> scales = {}) {
  const auto rows = static_cast<std::size_t>(predictions.rows());
  if (scales.empty()) scales.assign(rows, T(1));
  Result<T> result{std::vector<T>(rows),
                   std::vector<T>(static_cast<std::size_t>(predictions.size()))};
  loss.Evaluate(predictions.data<T>(), View<T>(targets), scales.data(), predictions.rows(),
                predictions.cols(), result.losses.data(), result.gradient.data());
  return result;
}

Matrix ToFloat32(const Matrix& matrix) {
  Matrix narrow(DataType::kFloat32, matrix.rows(), matrix.cols());
  for (std::int64_t i = 0; i < matrix.rows(); ++i) {
    for (std::int64_t j = 0; j < matrix.cols(); ++j) narrow.Set(i, j, matrix.At(i, j));
  }
  return narrow;
}

Targets ToFloat32(const Targets& targets) {
  if (const auto* values = std::get_if<Matrix>(&targets)) return ToFloat32(*values);
  return std::get<ClassIndices>(targets);
}

// A kind with some parameters, on one form of targets, for one number of outputs.
struct Case {
  LossSpec spec;
  std::string name;
  TargetForm form;
  std::int64_t outputs;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const LossInfo& info : Losses()) {
    std::vector<std::pair<LossSpec, std::string>> specs = {{info.defaults, std::string(info.name)}};
    LossSpec other = info.defaults;
    if (!ParametersOf(&other).empty()) {
      specs.emplace_back(WithParameters(other, 0.3), std::string(info.name) + "_of_0_3");
    }
    for (const auto& [spec, name] : specs) {
      for (const std::int64_t outputs : {1, 2, 3, 10, 33}) {
        cases.push_back({spec, name, TargetForm::kValues, outputs});
        const bool classes = info.targets == TargetKind::kDistribution ||
                             (info.targets == TargetKind::kProbability && outputs == 1);
        if (classes) cases.push_back({spec, name, TargetForm::kClasses, outputs});
      }
    }
  }
  return cases;
}

class LossTest : public ::testing::TestWithParam<Case> {
 protected:
  static constexpr std::int64_t kRows = 7;

  const Case& case_ = GetParam();
  const LossInfo& info_ = GetLossInfo(case_.spec);
  const std::unique_ptr<Loss> loss_ = Make(case_.spec);
  const Matrix predictions_ = RandomMatrix(DataType::kFloat64, kRows, case_.outputs, 1, -3, 3);
  const Targets targets_ =
      RandomTargets(info_.targets, case_.form, DataType::kFloat64, kRows, case_.outputs, 2);
};

// Residuals at which the loss or its derivative jumps.
std::vector<double> Kinks(const LossSpec& spec) {
  if (const auto* const huber = std::get_if<HuberLoss>(&spec)) return {-huber->delta, huber->delta};
  if (std::holds_alternative<MeanAbsoluteErrorLoss>(spec)) return {0};
  if (std::holds_alternative<QuantileLoss>(spec)) return {0};
  return {};
}

TEST_P(LossTest, ValidTargetsAreAccepted) {
  EXPECT_THAT(loss_->ValidateTargets(targets_, case_.outputs), IsOk());
  EXPECT_EQ(loss_->AcceptsClassIndices(), info_.targets == TargetKind::kDistribution ||
                                              info_.targets == TargetKind::kProbability);
}

TEST_P(LossTest, GradientAgreesWithCentralDifferences) {
  // Residuals right beside each kink, on both sides, and none on it.
  Matrix w = predictions_.Clone();
  constexpr double kBeside = 1.5 * testing::kStencil;
  const auto* values = std::get_if<Matrix>(&targets_);
  std::int64_t row = 0;
  for (const double kink : Kinks(case_.spec)) {
    for (std::int64_t i = 0; i < w.size(); ++i) {
      const double at_kink = values->buffer().At(i) + kink;
      if (std::abs(w.buffer().At(i) - at_kink) < kBeside) w.buffer().Set(i, at_kink + kBeside);
    }
    for (const double side : {-kBeside, kBeside}) {
      w.Set(row, 0, values->At(row, 0) + kink + side);
      ++row;
    }
  }
  std::vector<double> scales;
  for (std::int64_t i = 0; i < kRows; ++i) scales.push_back(0.5 + static_cast<double>(i));
  const Result<double> result = Evaluate<double>(*loss_, w, targets_, scales);
  for (std::int64_t i = 0; i < kRows; ++i) {
    for (std::int64_t j = 0; j < case_.outputs; ++j) {
      const auto row_loss = [&](double value) {
        Matrix moved = w.Clone();
        moved.Set(i, j, value);
        return scales[i] * Evaluate<double>(*loss_, moved, targets_).losses[i];
      };
      const double size = scales[i] * std::max(1.0, result.losses[i]);
      EXPECT_TRUE(DerivativesAgree(result.gradient[i * case_.outputs + j],
                                   CentralDifference(row_loss, w.At(i, j)), size))
          << "row " << i << ", output " << j;
    }
  }
}

TEST_P(LossTest, Float32AgreesWithFloat64) {
  const Result<double> wide = Evaluate<double>(*loss_, predictions_, targets_);
  const Result<float> narrow =
      Evaluate<float>(*loss_, ToFloat32(predictions_), ToFloat32(targets_));
  for (std::size_t i = 0; i < wide.losses.size(); ++i) {
    EXPECT_NEAR(narrow.losses[i], wide.losses[i], 2e-6 * std::abs(wide.losses[i]) + 2e-6);
  }
  for (std::size_t i = 0; i < wide.gradient.size(); ++i) {
    EXPECT_NEAR(narrow.gradient[i], wide.gradient[i], 2e-6 * std::abs(wide.gradient[i]) + 2e-6);
  }
}

// A row's bytes are the same alone, in a batch, over its predictions and with or without gradient.
template <typename T>
void ExpectSameBits(const Loss& loss, const Matrix& predictions, const Targets& targets) {
  const std::int64_t rows = predictions.rows();
  const std::int64_t outputs = predictions.cols();
  const Result<T> whole = Evaluate<T>(loss, predictions, targets);

  std::vector<T> losses(static_cast<std::size_t>(rows));
  loss.Evaluate(predictions.data<T>(), View<T>(targets), nullptr, rows, outputs, losses.data(),
                nullptr);
  EXPECT_EQ(std::memcmp(losses.data(), whole.losses.data(), rows * sizeof(T)), 0);

  Matrix shared = predictions.Clone();
  const std::vector<T> scales(static_cast<std::size_t>(rows), T(1));
  loss.Evaluate(shared.data<T>(), View<T>(targets), scales.data(), rows, outputs, losses.data(),
                shared.data<T>());
  EXPECT_EQ(std::memcmp(shared.data<T>(), whole.gradient.data(), rows * outputs * sizeof(T)), 0);

  for (std::int64_t i = 0; i < rows; ++i) {
    TargetView<T> view = View<T>(targets);
    if (view.values != nullptr) view.values += i * outputs;
    if (view.classes != nullptr) view.classes += i;
    // At an address of its own, with guards around.
    std::vector<T> row(static_cast<std::size_t>(outputs) + 2, T(9));
    std::copy_n(predictions.data<T>() + i * outputs, outputs, row.begin() + 1);
    T row_loss = 0;
    loss.Evaluate(row.data() + 1, view, scales.data(), 1, outputs, &row_loss, row.data() + 1);
    EXPECT_EQ(std::memcmp(&row_loss, &whole.losses[i], sizeof(T)), 0);
    EXPECT_EQ(std::memcmp(row.data() + 1, &whole.gradient[i * outputs], outputs * sizeof(T)), 0);
    EXPECT_EQ(row.front(), T(9));
    EXPECT_EQ(row.back(), T(9));
  }
}

TEST_P(LossTest, BitsDependOnTheRowAlone) {
  ExpectSameBits<double>(*loss_, predictions_, targets_);
  ExpectSameBits<float>(*loss_, ToFloat32(predictions_), ToFloat32(targets_));
}

TEST_P(LossTest, StaysFiniteFarOutAndKeepsNan) {
  Matrix far = predictions_.Clone();
  for (std::int64_t i = 0; i < kRows; ++i) {
    // The rate of POISSON is an exponential: it overflows on purpose.
    const double size = std::holds_alternative<PoissonLoss>(case_.spec) && i % 2 == 0 ? 80 : 1e4;
    far.Set(i, i % case_.outputs, i % 2 == 0 ? size : -size);
  }
  for (const double value : Evaluate<double>(*loss_, far, targets_).losses) {
    EXPECT_TRUE(std::isfinite(value));
  }
  for (const float value : Evaluate<float>(*loss_, ToFloat32(far), ToFloat32(targets_)).gradient) {
    EXPECT_TRUE(std::isfinite(value));
  }
  Matrix poisoned = predictions_.Clone();
  const std::int64_t column = case_.outputs - 1;
  poisoned.Set(3, column, std::numeric_limits<double>::quiet_NaN());
  const Result<double> result = Evaluate<double>(*loss_, poisoned, targets_);
  EXPECT_TRUE(std::isnan(result.losses[3]));
  EXPECT_TRUE(std::isnan(result.gradient[3 * case_.outputs + column]));
  EXPECT_FALSE(std::isnan(result.losses[2]));
}

std::string CaseName(const ::testing::TestParamInfo<Case>& test) {
  const Case& c = test.param;
  std::string name = c.name;
  if (c.form == TargetForm::kClasses) name += "_classes";
  return name + "_" + std::to_string(c.outputs);
}
INSTANTIATE_TEST_SUITE_P(Kinds, LossTest, ::testing::ValuesIn(Cases()), CaseName);

TEST(LossGoldenTest, LossesAndGradientsArePyTorchs) {
  std::set<std::string> seen;
  for (const Json& golden : GoldenCases("losses")) {
    const auto name = golden.at("name").get<std::string>();
    const auto infos = Losses();
    const auto info = std::ranges::find(infos, name, &LossInfo::name);
    ASSERT_NE(info, infos.end()) << name;
    seen.insert(name);
    const LossSpec spec = WithOptions(info->defaults, ParametersIn(golden, info->defaults));
    const Matrix predictions = MatrixOf(golden.at("predictions"));
    auto scales = golden.at("weights").get<std::vector<double>>();
    double sum = 0;
    for (const double weight : scales) sum += weight;
    for (double& weight : scales) weight /= sum;
    const Result<double> result =
        Evaluate<double>(*Make(spec), predictions, TargetsOf(golden), scales);
    const Matrix gradient = MatrixOf(golden.at("gradient"));
    for (std::int64_t i = 0; i < predictions.rows(); ++i) {
      EXPECT_TRUE(IsGolden(result.losses[i], golden.at("losses").at(i))) << name;
      for (std::int64_t j = 0; j < predictions.cols(); ++j) {
        EXPECT_TRUE(IsGolden(result.gradient[i * predictions.cols() + j], gradient.At(i, j)))
            << name << " row " << i << " output " << j;
      }
    }
  }
  EXPECT_EQ(seen.size(), Losses().size());
}

TEST(LossTermsTest, OutputsInTheTargetsTerms) {
  const Matrix w = RandomMatrix(DataType::kFloat64, 3, 11, 4, -5, 5);
  for (const LossInfo& info : Losses()) {
    Matrix terms = w.Clone();
    Make(info.defaults)->ToTargetTerms(terms.data<double>(), 3, 11);
    for (std::int64_t i = 0; i < 3; ++i) {
      double exponentials = 0;
      for (std::int64_t j = 0; j < 11; ++j) exponentials += std::exp(w.At(i, j));
      for (std::int64_t j = 0; j < 11; ++j) {
        const double e = std::exp(w.At(i, j));
        const double expected = info.targets == TargetKind::kDistribution  ? e / exponentials
                                : info.targets == TargetKind::kProbability ? e / (1 + e)
                                : info.targets == TargetKind::kCount       ? e
                                                                           : w.At(i, j);
        EXPECT_NEAR(terms.At(i, j), expected, 1e-14 * std::abs(expected)) << info.name;
      }
    }
  }
}

// Near zero the closed form loses all digits to cancellation; the series r²/2 - r⁴/12 doesn't.
TEST(LogCoshTest, KeepsItsDigitsNearZero) {
  const auto loss = Make(LogCoshLoss{});
  for (const double r : {1e-9, 1e-6, -1e-4, 1e-3}) {
    Matrix w(DataType::kFloat64, 1, 1);
    w.Set(0, 0, r);
    const double value = Evaluate<double>(*loss, w, Matrix(DataType::kFloat64, 1, 1)).losses[0];
    EXPECT_NEAR(value, r * r / 2 - r * r * r * r / 12, 1e-13 * value) << r;
  }
}

TEST(LossTargetsTest, WrongTargetsAreNamed) {
  const auto matrix = [](std::initializer_list<double> row) {
    Matrix targets(DataType::kFloat64, 2, static_cast<std::int64_t>(row.size()));
    std::int64_t column = 0;
    for (const double value : row) targets.Set(1, column++, value);
    return targets;
  };
  const auto validate = [](const LossSpec& spec, Targets targets, std::int64_t outputs) {
    return Make(spec)->ValidateTargets(targets, outputs);
  };
  const absl::Status poisson = validate(PoissonLoss{}, matrix({1, 0, -2}), 3);
  EXPECT_THAT(poisson, FailsAt("targets", "INVALID_FIELD"));
  EXPECT_EQ(GetErrorDetails(poisson).metadata.at("row"), "1");
  EXPECT_EQ(GetErrorDetails(poisson).metadata.at("column"), "2");
  EXPECT_THAT(validate(BinaryCrossEntropyLoss{}, matrix({0, 1.5}), 2),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("row 1, column 1")));
  EXPECT_THAT(validate(BinaryCrossEntropyLoss{}, ClassIndices{0, 1}, 1), IsOk());
  EXPECT_THAT(validate(BinaryCrossEntropyLoss{}, ClassIndices{0, 1}, 2),
              FailsAt("targets", "INVALID_FIELD"));
  EXPECT_THAT(validate(BinaryCrossEntropyLoss{}, ClassIndices{0, 2}, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("row 1")));
  EXPECT_THAT(validate(SoftmaxCrossEntropyLoss{}, matrix({0.5, 0.2}), 2),
              FailsAt("targets", "INVALID_FIELD"));
  EXPECT_THAT(validate(SoftmaxCrossEntropyLoss{}, ClassIndices{2, 3}, 3),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("row 1")));
  EXPECT_THAT(validate(SoftmaxCrossEntropyLoss{}, ClassIndices{2, -1}, 3),
              FailsAt("targets", "INVALID_FIELD"));
  EXPECT_THAT(validate(HuberLoss{}, ClassIndices{0, 1}, 1), FailsAt("targets", "INVALID_FIELD"));
  EXPECT_THAT(validate(MeanSquaredErrorLoss{}, matrix({-1e9}), 1), IsOk());
}

TEST(LossKindsTest, RowsAreInTheVariantsOrder) {
  for (const LossInfo& info : Losses()) EXPECT_EQ(&GetLossInfo(info.defaults), &info);
}

TEST(LossKindsTest, RefusesParametersOutOfRange) {
  EXPECT_THAT(MakeLoss(HuberLoss{.delta = 0}), FailsAt("delta", "INVALID_FIELD"));
  EXPECT_THAT(MakeLoss(QuantileLoss{.delta = 1}), FailsAt("delta", "INVALID_FIELD"));
  EXPECT_THAT(MakeLoss(SoftmaxCrossEntropyLoss{.label_smoothing = 1}),
              FailsAt("label_smoothing", "INVALID_FIELD"));
}

}  // namespace
}  // namespace descent
