#include "server/exchange/onnx/scalar_function.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace descent::exchange {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

using Inputs = absl::Span<const double>;
using Apply = double (*)(const GraphNode& node, Inputs x);

struct ScalarOperator {
  int least;  // inputs that it needs
  Apply apply;
};

double Sigmoid(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
double Softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

double Gelu(const GraphNode& node, Inputs x) {
  const onnx::AttributeProto* const approximate = FindAttribute(node, "approximate");
  if (approximate == nullptr || approximate->s() == "none") {
    return 0.5 * x[0] * std::erfc(-x[0] / std::numbers::sqrt2);
  }
  if (approximate->s() != "tanh") return kNone;
  const double slope = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  return x[0] * Sigmoid(2 * slope * (x[0] + 0.044715 * x[0] * x[0] * x[0]));
}

double Elu(double x, double alpha, double scale) {
  return scale * (x > 0 ? x : alpha * std::expm1(x));
}

double Clip(const GraphNode& node, Inputs x) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double low = x.size() > 1 ? x[1] : FloatOf(node, "min", -kInfinity);
  const double high = x.size() > 2 ? x[2] : FloatOf(node, "max", kInfinity);
  return std::min(std::max(x[0], std::isnan(low) ? -kInfinity : low),
                  std::isnan(high) ? kInfinity : high);
}

const absl::flat_hash_map<absl::string_view, ScalarOperator>& ScalarOperators() {
  static const auto* const kTable = new absl::flat_hash_map<absl::string_view, ScalarOperator>{
      {"Add", {2, [](const GraphNode&, Inputs x) { return x[0] + x[1]; }}},
      {"Sub", {2, [](const GraphNode&, Inputs x) { return x[0] - x[1]; }}},
      {"Mul", {2, [](const GraphNode&, Inputs x) { return x[0] * x[1]; }}},
      {"Div", {2, [](const GraphNode&, Inputs x) { return x[0] / x[1]; }}},
      {"Pow", {2, [](const GraphNode&, Inputs x) { return std::pow(x[0], x[1]); }}},
      {"Min", {1, [](const GraphNode&, Inputs x) { return *std::ranges::min_element(x); }}},
      {"Max", {1, [](const GraphNode&, Inputs x) { return *std::ranges::max_element(x); }}},
      {"Abs", {1, [](const GraphNode&, Inputs x) { return std::abs(x[0]); }}},
      {"Neg", {1, [](const GraphNode&, Inputs x) { return -x[0]; }}},
      {"Sign", {1, [](const GraphNode&, Inputs x) { return double((x[0] > 0) - (x[0] < 0)); }}},
      {"Sqrt", {1, [](const GraphNode&, Inputs x) { return std::sqrt(x[0]); }}},
      {"Reciprocal", {1, [](const GraphNode&, Inputs x) { return 1 / x[0]; }}},
      {"Exp", {1, [](const GraphNode&, Inputs x) { return std::exp(x[0]); }}},
      {"Log", {1, [](const GraphNode&, Inputs x) { return std::log(x[0]); }}},
      {"Erf", {1, [](const GraphNode&, Inputs x) { return std::erf(x[0]); }}},
      {"Erfc", {1, [](const GraphNode&, Inputs x) { return std::erfc(x[0]); }}},
      {"Relu", {1, [](const GraphNode&, Inputs x) { return std::max(x[0], 0.0); }}},
      {"Sigmoid", {1, [](const GraphNode&, Inputs x) { return Sigmoid(x[0]); }}},
      {"Tanh", {1, [](const GraphNode&, Inputs x) { return std::tanh(x[0]); }}},
      {"Softplus", {1, [](const GraphNode&, Inputs x) { return Softplus(x[0]); }}},
      {"Softsign", {1, [](const GraphNode&, Inputs x) { return x[0] / (1 + std::abs(x[0])); }}},
      {"HardSwish",
       {1, [](const GraphNode&, Inputs x) { return x[0] * std::clamp(x[0] / 6 + 0.5, 0.0, 1.0); }}},
      {"Mish", {1, [](const GraphNode&, Inputs x) { return x[0] * std::tanh(Softplus(x[0])); }}},
      {"LeakyRelu",
       {1, [](const GraphNode& node,
              Inputs x) { return x[0] < 0 ? FloatOf(node, "alpha", 0.01) * x[0] : x[0]; }}},
      {"PRelu", {2, [](const GraphNode&, Inputs x) { return x[0] < 0 ? x[1] * x[0] : x[0]; }}},
      {"Elu",
       {1,
        [](const GraphNode& node, Inputs x) { return Elu(x[0], FloatOf(node, "alpha", 1), 1); }}},
      {"Celu",
       {1,
        [](const GraphNode& node, Inputs x) {
          const double alpha = FloatOf(node, "alpha", 1);
          return x[0] > 0 ? x[0] : alpha * std::expm1(x[0] / alpha);
        }}},
      {"Selu",
       {1,
        [](const GraphNode& node, Inputs x) {
          return Elu(x[0], FloatOf(node, "alpha", 1.6732632423543772),
                     FloatOf(node, "gamma", 1.0507009873554805));
        }}},
      {"HardSigmoid",
       {1,
        [](const GraphNode& node, Inputs x) {
          return std::clamp(FloatOf(node, "alpha", 0.2) * x[0] + FloatOf(node, "beta", 0.5), 0.0,
                            1.0);
        }}},
      {"Swish",
       {1, [](const GraphNode& node,
              Inputs x) { return x[0] * Sigmoid(FloatOf(node, "alpha", 1) * x[0]); }}},
      {"Gelu", {1, Gelu}},
      {"Clip", {1, Clip}},
      {"Where", {3, [](const GraphNode&, Inputs x) { return x[0] != 0 ? x[1] : x[2]; }}},
      {"Equal", {2, [](const GraphNode&, Inputs x) { return double(x[0] == x[1]); }}},
      {"Greater", {2, [](const GraphNode&, Inputs x) { return double(x[0] > x[1]); }}},
      {"GreaterOrEqual", {2, [](const GraphNode&, Inputs x) { return double(x[0] >= x[1]); }}},
      {"Less", {2, [](const GraphNode&, Inputs x) { return double(x[0] < x[1]); }}},
      {"LessOrEqual", {2, [](const GraphNode&, Inputs x) { return double(x[0] <= x[1]); }}},
  };
  return *kTable;
}

}  // namespace

bool IsScalarFunction(const GraphNode& node) { return ScalarOperators().contains(node.op()); }

double ApplyScalarFunction(const GraphNode& node, absl::Span<const double> inputs) {
  const auto found = ScalarOperators().find(node.op());
  if (found == ScalarOperators().end()) return kNone;
  if (inputs.size() < static_cast<std::size_t>(found->second.least)) return kNone;
  return found->second.apply(node, inputs);
}

}  // namespace descent::exchange
