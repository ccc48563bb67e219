// Points at which a whole network's gradient is compared with central differences.

#ifndef TESTS_SUPPORT_GRADIENT_POINT_H_
#define TESTS_SUPPORT_GRADIENT_POINT_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "core/activations/kinds.h"
#include "core/layers/kinds.h"
#include "core/losses/kinds.h"
#include "core/network.h"
#include "gtest/gtest.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_network.h"
#include "tests/support/random_targets.h"

namespace descent::testing {

inline constexpr std::int64_t kPointRows = 5;

// A network, its parameters and a batch to differentiate at.
struct GradientPoint {
  std::shared_ptr<const Network> network;
  Buffer parameters;
  Batch batch;
  PassOptions options = {.keep_all = true};
  Workspace workspace;

  double Loss() {
    options.categories = &batch.categories;
    network->Forward(parameters, batch.inputs, options, &workspace);
    return network->EvaluateLoss(batch.targets, batch.weights, &workspace);
  }
};

// Whether every pre-activation and every error is far enough from its function's kinks that moving
// one number by a stencil crosses none.
inline bool ClearOfKinks(GradientPoint* point) {
  constexpr double kClearance = 8 * kStencil;
  const NetworkSpec& spec = point->network->spec();
  point->Loss();
  std::vector<const LayerSpec*> in_order;
  ForEachLayer(spec.layers, [&](const LayerSpec& layer) { in_order.push_back(&layer); });
  for (std::size_t l = 0; l < in_order.size(); ++l) {
    const auto* const dense = std::get_if<DenseSpec>(in_order[l]);
    if (dense == nullptr) continue;
    const Matrix& z = point->workspace.pre_activations[l];
    for (const double kink : GetActivationInfo(dense->activation).kinks) {
      for (std::int64_t i = 0; i < z.size(); ++i) {
        if (std::abs(z.buffer().At(i) - kink) < kClearance) return false;
      }
    }
  }
  const auto* targets = std::get_if<Matrix>(&point->batch.targets);
  if (targets == nullptr) return true;
  for (std::int64_t i = 0; i < targets->size(); ++i) {
    const double r = std::abs(point->workspace.outputs().buffer().At(i) - targets->buffer().At(i));
    const bool near_zero =
        r < kClearance && (std::holds_alternative<MeanAbsoluteErrorLoss>(spec.loss) ||
                           std::holds_alternative<QuantileLoss>(spec.loss));
    const bool near_delta =
        std::abs(r - 1) < kClearance && std::holds_alternative<HuberLoss>(spec.loss);
    if (near_zero || near_delta) return false;
  }
  return true;
}

// The first seed's point that is clear of kinks.
inline GradientPoint MakePoint(NetworkSpec spec, TargetForm form, bool weighted) {
  for (spec.seed = 1; spec.seed < 3000; ++spec.seed) {
    GradientPoint point;
    point.network = MakeNetwork(spec);
    point.parameters = point.network->InitialParameters();
    // Biases begin at zero; here they should matter.
    for (const ParameterInfo& parameter : point.network->layout().parameters()) {
      if (!parameter.is_per_unit) continue;
      const Matrix bias = RandomMatrix(DataType::kFloat64, 1, parameter.size, spec.seed, -0.5, 0.5);
      for (std::int64_t i = 0; i < parameter.size; ++i) {
        point.parameters.Set(parameter.offset + i, bias.At(0, i));
      }
    }
    point.batch.inputs =
        RandomMatrix(DataType::kFloat64, kPointRows, spec.input_features, spec.seed + 1);
    point.batch.categories = RandomCategories(spec, kPointRows, spec.seed + 4);
    point.batch.targets = RandomTargets(GetLossInfo(spec.loss).targets, form, DataType::kFloat64,
                                        kPointRows, point.network->outputs(), spec.seed + 2);
    if (weighted) {
      point.batch.weights = RandomMatrix(DataType::kFloat64, kPointRows, 1, spec.seed + 3, 0, 2);
      point.batch.weights.Set(1, 0, 0);
    }
    if (ClearOfKinks(&point)) return point;
  }
  ADD_FAILURE() << "no point clear of kinks";
  return {};
}

// Checks Backward's results against differences of `value`, a function of the point's state.
template <typename Value>
void ExpectGradients(GradientPoint* point, const Buffer& gradients, const Matrix& input_gradient,
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

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_GRADIENT_POINT_H_
