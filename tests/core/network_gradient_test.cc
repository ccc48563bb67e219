// Back-propagation through whole networks against central differences: every activation with every
// loss, one to four layers, weights, class indices, input gradients, given output gradients.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "core/activations/kinds.h"
#include "core/losses/kinds.h"
#include "core/network.h"
#include "gtest/gtest.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_network.h"
#include "tests/support/random_targets.h"

namespace descent {
namespace {

using testing::CentralDifference;
using testing::DerivativesAgree;
using testing::kStencil;
using testing::MakeNetwork;
using testing::RandomMatrix;
using testing::RandomTargets;
using testing::TargetForm;

constexpr std::int64_t kInputs = 3;
constexpr std::int64_t kRows = 5;

// A network, its parameters and a batch to differentiate at.
struct Point {
  std::shared_ptr<const Network> network;
  Buffer parameters;
  Batch batch;
  Workspace workspace;

  double Loss() {
    network->Forward(parameters, batch.inputs, /*keep_all=*/true, nullptr, &workspace);
    return network->EvaluateLoss(batch.targets, batch.weights, &workspace);
  }
};

// Whether every pre-activation and residual is far enough from its function's kinks that moving one
// number by a stencil crosses none.
bool ClearOfKinks(Point* point) {
  constexpr double kClearance = 8 * kStencil;
  const NetworkSpec& spec = point->network->spec();
  point->Loss();
  for (std::size_t l = 0; l < spec.layers.size(); ++l) {
    const Matrix& z = point->workspace.pre_activations[l];
    for (const double kink : GetActivationInfo(spec.layers[l].activation.kind).kinks) {
      for (std::int64_t i = 0; i < z.size(); ++i) {
        if (std::abs(z.buffer().At(i) - kink) < kClearance) return false;
      }
    }
  }
  const auto* targets = std::get_if<Matrix>(&point->batch.targets);
  if (targets == nullptr) return true;
  for (std::int64_t i = 0; i < targets->size(); ++i) {
    const double r = std::abs(point->workspace.outputs().buffer().At(i) - targets->buffer().At(i));
    const bool near_zero = r < kClearance && (spec.loss.kind == LossKind::kMeanAbsoluteError ||
                                              spec.loss.kind == LossKind::kQuantile);
    const bool near_delta = std::abs(r - 1) < kClearance && spec.loss.kind == LossKind::kHuber;
    if (near_zero || near_delta) return false;
  }
  return true;
}

// The first seed's point that is clear of kinks.
Point MakePoint(NetworkSpec spec, TargetForm form, bool weighted) {
  for (spec.seed = 1; spec.seed < 3000; ++spec.seed) {
    Point point;
    point.network = MakeNetwork(spec);
    point.parameters = point.network->InitialParameters();
    // Biases begin at zero; here they should matter.
    for (const ParameterInfo& parameter : point.network->layout().parameters()) {
      if (!parameter.is_bias) continue;
      const Matrix bias = RandomMatrix(DataType::kFloat64, 1, parameter.size, spec.seed, -0.5, 0.5);
      for (std::int64_t i = 0; i < parameter.size; ++i) {
        point.parameters.Set(parameter.offset + i, bias.At(0, i));
      }
    }
    point.batch.inputs = RandomMatrix(DataType::kFloat64, kRows, kInputs, spec.seed + 1);
    point.batch.targets =
        RandomTargets(GetLossInfo(spec.loss.kind).targets, form, DataType::kFloat64, kRows,
                      point.network->outputs(), spec.seed + 2);
    if (weighted) {
      point.batch.weights = RandomMatrix(DataType::kFloat64, kRows, 1, spec.seed + 3, 0, 2);
      point.batch.weights.Set(1, 0, 0);
    }
    if (ClearOfKinks(&point)) return point;
  }
  ADD_FAILURE() << "no point clear of kinks";
  return {};
}

// Checks Backward's results against differences of `value`, a function of the point's state.
template <typename Value>
void ExpectGradients(Point* point, const Buffer& gradients, const Matrix& input_gradient,
                     const Value& value) {
  const double size = std::max(1.0, std::abs(value()));
  for (const ParameterInfo& parameter : point->network->layout().parameters()) {
    for (std::int64_t i = parameter.offset; i < parameter.offset + parameter.size; ++i) {
      const double at = point->parameters.At(i);
      const double numeric = CentralDifference(
          [&](double x) {
            point->parameters.Set(i, x);
            return value();
          },
          at);
      point->parameters.Set(i, at);
      EXPECT_TRUE(DerivativesAgree(gradients.At(i), numeric, size))
          << parameter.name << " element " << i - parameter.offset;
    }
  }
  Buffer& inputs = point->batch.inputs.buffer();
  for (std::int64_t i = 0; i < inputs.size(); ++i) {
    const double at = inputs.At(i);
    const double numeric = CentralDifference(
        [&](double x) {
          inputs.Set(i, x);
          return value();
        },
        at);
    inputs.Set(i, at);
    EXPECT_TRUE(DerivativesAgree(input_gradient.buffer().At(i), numeric, size)) << "input " << i;
  }
}

// Hidden layers of the activation; the output's is the identity, or the activation when the output
// is the only layer.
NetworkSpec SpecOf(ActivationKind activation, LossKind loss, int depth, std::int64_t outputs) {
  std::vector<std::int64_t> widths;
  for (int l = 1; l < depth; ++l) widths.push_back(2 + l);
  widths.push_back(outputs);
  NetworkSpec spec = testing::DenseNetwork(kInputs, widths, activation, loss, DataType::kFloat64);
  if (depth == 1) spec.layers.back().activation.kind = activation;
  return spec;
}

using Kinds = std::tuple<const ActivationInfo*, const LossInfo*>;

class NetworkGradientTest : public ::testing::TestWithParam<Kinds> {
 protected:
  const ActivationKind activation_ = std::get<0>(GetParam())->kind;
  const LossInfo& loss_ = *std::get<1>(GetParam());
};

TEST_P(NetworkGradientTest, AgreesWithCentralDifferences) {
  for (const int depth : {1, 2, 3, 4}) {
    const bool classes = loss_.targets == TargetKind::kDistribution && depth % 2 == 0;
    const std::int64_t outputs = loss_.targets == TargetKind::kProbability ? depth % 2 + 1 : 3;
    Point point =
        MakePoint(SpecOf(activation_, loss_.kind, depth, outputs),
                  classes ? TargetForm::kClasses : TargetForm::kValues, /*weighted=*/depth > 2);
    SCOPED_TRACE(::testing::Message() << "depth " << depth);
    Buffer gradients;
    Matrix input_gradient;
    point.Loss();
    point.network->Backward(point.parameters, point.batch.inputs, nullptr, &point.workspace,
                            &gradients, &input_gradient);
    ExpectGradients(&point, gradients, input_gradient, [&] { return point.Loss(); });
  }
}

template <typename Info>
std::vector<const Info*> AllOf(absl::Span<const Info> infos) {
  std::vector<const Info*> rows;
  for (const Info& row : infos) rows.push_back(&row);
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Kinds, NetworkGradientTest,
                         ::testing::Combine(::testing::ValuesIn(AllOf(Activations())),
                                            ::testing::ValuesIn(AllOf(Losses()))),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)->name) + "_" +
                                  std::string(std::get<1>(test.param)->name);
                         });

// An output gradient G handed in from downstream is the gradient of Σ G ∘ w.
TEST(OutputGradientTest, IsCarriedToParametersAndInputs) {
  for (const int depth : {1, 3}) {
    Point point = MakePoint(SpecOf(ActivationKind::kTanh, LossKind::kMeanSquaredError, depth, 2),
                            TargetForm::kValues,
                            /*weighted=*/false);
    const Matrix output_gradient = RandomMatrix(DataType::kFloat64, kRows, 2, 9);
    const auto value = [&] {
      point.network->Forward(point.parameters, point.batch.inputs, false, nullptr,
                             &point.workspace);
      double sum = 0;
      for (std::int64_t i = 0; i < output_gradient.size(); ++i) {
        sum += output_gradient.buffer().At(i) * point.workspace.outputs().buffer().At(i);
      }
      return sum;
    };
    value();
    point.network->SetOutputGradient(output_gradient, &point.workspace);
    Buffer gradients;
    Matrix input_gradient;
    point.network->Backward(point.parameters, point.batch.inputs, nullptr, &point.workspace,
                            &gradients, &input_gradient);
    ExpectGradients(&point, gradients, input_gradient, value);
  }
}

// Two networks, the upper one's input gradient being the lower one's output gradient, are one.
TEST(OutputGradientTest, BackPropagationCrossesNetworks) {
  Point whole = MakePoint(SpecOf(ActivationKind::kTanh, LossKind::kHalfSquaredError, 3, 2),
                          TargetForm::kValues, /*weighted=*/true);
  const NetworkSpec& spec = whole.network->spec();
  NetworkSpec lower_spec = spec;
  lower_spec.layers = {spec.layers[0]};
  NetworkSpec upper_spec = spec;
  upper_spec.input_features = spec.layers[0].units;
  upper_spec.layers = {spec.layers[1], spec.layers[2]};
  const auto lower = MakeNetwork(lower_spec);
  const auto upper = MakeNetwork(upper_spec);
  const auto part = [&](const Network& network, std::int64_t begin) {
    Buffer parameters(DataType::kFloat64, network.layout().size());
    for (std::int64_t i = 0; i < parameters.size(); ++i) {
      parameters.Set(i, whole.parameters.At(begin + i));
    }
    return parameters;
  };
  const std::int64_t split = whole.network->layout().kernel_offset(1);
  const Buffer lower_parameters = part(*lower, 0);
  const Buffer upper_parameters = part(*upper, split);

  Buffer whole_gradients;
  Matrix whole_input_gradient;
  const double loss = whole.Loss();
  whole.network->Backward(whole.parameters, whole.batch.inputs, nullptr, &whole.workspace,
                          &whole_gradients, &whole_input_gradient);

  Workspace below;
  Workspace above;
  Buffer below_gradients;
  Buffer above_gradients;
  Matrix between;
  Matrix input_gradient;
  lower->Forward(lower_parameters, whole.batch.inputs, false, nullptr, &below);
  upper->Forward(upper_parameters, below.outputs(), false, nullptr, &above);
  EXPECT_EQ(upper->EvaluateLoss(whole.batch.targets, whole.batch.weights, &above), loss);
  upper->Backward(upper_parameters, below.outputs(), nullptr, &above, &above_gradients, &between);
  lower->SetOutputGradient(between, &below);
  lower->Backward(lower_parameters, whole.batch.inputs, nullptr, &below, &below_gradients,
                  &input_gradient);
  for (std::int64_t i = 0; i < below_gradients.size(); ++i) {
    EXPECT_EQ(below_gradients.At(i), whole_gradients.At(i));
  }
  for (std::int64_t i = 0; i < above_gradients.size(); ++i) {
    EXPECT_EQ(above_gradients.At(i), whole_gradients.At(split + i));
  }
  for (std::int64_t i = 0; i < input_gradient.size(); ++i) {
    EXPECT_EQ(input_gradient.buffer().At(i), whole_input_gradient.buffer().At(i));
  }
}

TEST(BinaryTargetsTest, ClassIndicesAreZeroAndOne) {
  Point point = MakePoint(SpecOf(ActivationKind::kTanh, LossKind::kBinaryCrossEntropy, 2, 1),
                          TargetForm::kClasses, /*weighted=*/false);
  const double by_class = point.Loss();
  const ClassIndices classes = std::get<ClassIndices>(point.batch.targets);
  Matrix values(DataType::kFloat64, kRows, 1);
  for (std::int64_t i = 0; i < kRows; ++i) values.Set(i, 0, classes[i]);
  point.batch.targets = std::move(values);
  EXPECT_EQ(point.Loss(), by_class);
}

}  // namespace
}  // namespace descent
