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
#include "tests/support/gradient_point.h"
#include "tests/support/random_network.h"
#include "tests/support/random_targets.h"

namespace descent {
namespace {

using testing::ExpectGradients;
using testing::GradientPoint;
using testing::MakeNetwork;
using testing::MakePoint;
using testing::RandomMatrix;
using testing::TargetForm;

constexpr std::int64_t kInputs = 3;
constexpr std::int64_t kRows = testing::kPointRows;

// Hidden layers of the activation; the output's is the identity, or the activation when the output
// is the only layer.
NetworkSpec SpecOf(const ActivationSpec& activation, const LossSpec& loss, int depth,
                   std::int64_t outputs) {
  std::vector<std::int64_t> widths;
  for (int l = 1; l < depth; ++l) widths.push_back(2 + l);
  widths.push_back(outputs);
  NetworkSpec spec = testing::DenseNetwork(kInputs, widths, activation, loss, DataType::kFloat64);
  if (depth == 1) testing::DenseAt(spec, 0).activation = activation;
  return spec;
}

using Kinds = std::tuple<const ActivationInfo*, const LossInfo*>;

class NetworkGradientTest : public ::testing::TestWithParam<Kinds> {
 protected:
  const ActivationSpec& activation_ = std::get<0>(GetParam())->defaults;
  const LossInfo& loss_ = *std::get<1>(GetParam());
};

TEST_P(NetworkGradientTest, AgreesWithCentralDifferences) {
  for (const int depth : {1, 2, 3, 4}) {
    const bool classes = loss_.targets == TargetKind::kDistribution && depth % 2 == 0;
    const std::int64_t outputs = loss_.targets == TargetKind::kProbability ? depth % 2 + 1 : 3;
    GradientPoint point =
        MakePoint(SpecOf(activation_, loss_.defaults, depth, outputs),
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
    GradientPoint point =
        MakePoint(SpecOf(TanhActivation{}, MeanSquaredErrorLoss{}, depth, 2), TargetForm::kValues,
                  /*weighted=*/false);
    const Matrix output_gradient = RandomMatrix(DataType::kFloat64, kRows, 2, 9);
    const auto value = [&] {
      point.network->Forward(point.parameters, point.batch.inputs, {}, &point.workspace);
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
  GradientPoint whole = MakePoint(SpecOf(TanhActivation{}, HalfSquaredErrorLoss{}, 3, 2),
                                  TargetForm::kValues, /*weighted=*/true);
  const NetworkSpec& spec = whole.network->spec();
  NetworkSpec lower_spec = spec;
  lower_spec.layers = {spec.layers[0]};
  const auto lower = MakeNetwork(lower_spec);
  NetworkSpec upper_spec = spec;
  upper_spec.input_features = lower->outputs();
  upper_spec.layers = {spec.layers[1], spec.layers[2]};
  const auto upper = MakeNetwork(upper_spec);
  const auto part = [&](const Network& network, std::int64_t begin) {
    Buffer parameters(DataType::kFloat64, network.layout().size());
    for (std::int64_t i = 0; i < parameters.size(); ++i) {
      parameters.Set(i, whole.parameters.At(begin + i));
    }
    return parameters;
  };
  const std::int64_t split = whole.network->layout().OffsetOf("layers.1.kernel");
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
  lower->Forward(lower_parameters, whole.batch.inputs, {}, &below);
  upper->Forward(upper_parameters, below.outputs(), {}, &above);
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
  GradientPoint point = MakePoint(SpecOf(TanhActivation{}, BinaryCrossEntropyLoss{}, 2, 1),
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
