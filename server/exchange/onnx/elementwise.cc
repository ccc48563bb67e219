#include "server/exchange/onnx/elementwise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ranges>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/activations/kinds.h"
#include "server/exchange/onnx/scalar_function.h"

namespace descent::exchange {
namespace {

constexpr std::size_t kMostRegionNodes = 100;
constexpr double kTolerance = 1e-6;
// Where a family with a parameter shows it: σ(-1000) of ELU is -α to the bit, as σ(-1) of the leaky
// rectifier is.
constexpr double kFarBelow = -1000;
constexpr double kOneBelow = -1;

constexpr std::array kPoints = {
    kFarBelow, kOneBelow, -60.0, -25.0, -12.0, -7.0,  -6.1, -5.9, -4.2, -3.1, -2.9, -2.3, -1.7,
    -1.2,      -0.8,      -0.5,  -0.3,  -0.1,  -1e-3, 0.0,  1e-3, 0.1,  0.3,  0.5,  0.8,  1.0,
    1.2,       1.7,       2.3,   2.9,   3.1,   4.2,   5.9,  6.1,  7.0,  12.0, 25.0, 60.0};
using Curve = std::array<double, kPoints.size()>;

// What is computed element by element before y.
struct Region {
  std::vector<const GraphNode*> nodes;     // later ones first
  std::vector<absl::string_view> sources;  // every way to y leads through each; farthest last
};

// Whether a value is made element by element from values and single numbers.
const GraphNode* ElementwiseMaker(const Graph& graph, absl::string_view value) {
  const GraphNode* const node = graph.MakerOf(value);
  if (node == nullptr || !IsScalarFunction(*node) || !CheckOperator(*node).ok()) return nullptr;
  for (const std::string& input : node->proto->input()) {
    const Constant* const constant = graph.ConstantOf(input);
    if (constant != nullptr && constant->size() != 1) return nullptr;
  }
  return node;
}

Region FindRegion(const Graph& graph, absl::string_view y) {
  Region region;
  // Values still to be explained, by their places: the latest is explained first, so when there is
  // one alone, all that is explained is computed from it.
  std::set<std::pair<int, absl::string_view>> open = {{graph.PlaceOf(y), graph.Resolve(y)}};
  while (!open.empty()) {
    const auto latest = std::prev(open.end());
    const absl::string_view value = latest->second;
    if (open.size() == 1 && value != graph.Resolve(y)) region.sources.push_back(value);
    const GraphNode* const node = ElementwiseMaker(graph, value);
    if (node == nullptr || region.nodes.size() == kMostRegionNodes) break;
    region.nodes.push_back(node);
    open.erase(latest);
    for (const std::string& input : node->proto->input()) {
      if (input.empty() || graph.ConstantOf(input) != nullptr) continue;
      open.insert({graph.PlaceOf(input), graph.Resolve(input)});
    }
  }
  return region;
}

// What y is at the points that `source` takes. `nodes`: later ones first.
Curve CurveOf(const Graph& graph, const Region& region, absl::string_view source,
              absl::string_view y) {
  absl::flat_hash_map<absl::string_view, Curve> curves;
  std::ranges::copy(kPoints, curves[source].begin());
  std::vector<double> inputs;
  for (const GraphNode* const node : region.nodes | std::views::reverse) {
    const onnx::NodeProto& proto = *node->proto;
    if (node->place <= graph.PlaceOf(source)) continue;
    Curve curve;
    for (std::size_t i = 0; i < kPoints.size(); ++i) {
      inputs.clear();
      for (const std::string& input : proto.input()) {
        const Constant* const constant = graph.ConstantOf(input);
        const auto before = curves.find(graph.Resolve(input));
        inputs.push_back(constant != nullptr      ? constant->At(0)
                         : before != curves.end() ? before->second[i]
                                                  : std::nan(""));
      }
      curve[i] = ApplyScalarFunction(*node, inputs);
    }
    curves[graph.Resolve(proto.output(0))] = curve;
  }
  return curves[graph.Resolve(y)];
}

bool IsCurveOf(const ActivationSpec& spec, const Curve& curve) {
  const absl::StatusOr<std::unique_ptr<Activation>> activation = MakeActivation(spec);
  if (!activation.ok()) return false;
  Curve expected;
  (*activation)->Forward(kPoints.data(), expected.data(), std::int64_t{kPoints.size()});
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (expected[i] == curve[i]) continue;  // infinities too
    if (!(std::abs(expected[i] - curve[i]) <= kTolerance * std::max(1.0, std::abs(expected[i])))) {
      return false;
    }
  }
  return true;
}

std::optional<ActivationSpec> ActivationOf(const Curve& curve) {
  for (const ActivationInfo& info : Activations()) {
    ActivationSpec spec = info.defaults;
    if (auto* const leaky = std::get_if<LeakyReluActivation>(&spec)) leaky->alpha = -curve[1];
    if (auto* const elu = std::get_if<EluActivation>(&spec)) elu->alpha = -curve[0];
    if (IsCurveOf(spec, curve)) return spec;
  }
  return std::nullopt;
}

}  // namespace

std::optional<FoundActivation> FindActivation(
    const Graph& graph, absl::string_view y,
    absl::FunctionRef<bool(absl::string_view)> may_be_source) {
  const Region region = FindRegion(graph, y);
  for (const absl::string_view source : region.sources | std::views::reverse) {
    if (!may_be_source(source)) continue;
    const std::optional<ActivationSpec> spec = ActivationOf(CurveOf(graph, region, source, y));
    if (spec.has_value()) return FoundActivation{*spec, source};
  }
  return std::nullopt;
}

absl::string_view FarthestSource(const Graph& graph, absl::string_view y) {
  const Region region = FindRegion(graph, y);
  return region.sources.empty() ? graph.Resolve(y) : region.sources.back();
}

}  // namespace descent::exchange
