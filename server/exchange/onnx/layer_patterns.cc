#include "server/exchange/onnx/layer_patterns.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "server/exchange/onnx/row_affine.h"

namespace descent::exchange {
namespace {

// The node that makes a value if it is of the operator, with no attribute that is not known.
const GraphNode* MakerOfKind(const Graph& graph, absl::string_view value, absl::string_view op) {
  const GraphNode* const node = graph.MakerOf(value);
  if (node == nullptr || node->op() != op || !CheckOperator(*node).ok()) return nullptr;
  return node;
}

std::optional<DensePattern> Product(const Graph& graph, const GraphNode* node) {
  if (node == nullptr || !CheckOperator(*node).ok()) return std::nullopt;
  const bool is_gemm = node->op() == "Gemm";
  if (!is_gemm && node->op() != "MatMul") return std::nullopt;
  const Constant* const weights = graph.ConstantOf(node->input(1));
  if (graph.ConstantOf(node->input(0)) != nullptr || weights == nullptr || weights->rank() != 2 ||
      !weights->IsFloatingPoint()) {
    return std::nullopt;
  }
  DensePattern dense{.input = graph.Resolve(node->input(0)), .kernel = *weights, .bias = {}};
  if (!is_gemm) return dense;
  if (FloatOf(*node, "alpha", 1) != 1 || FloatOf(*node, "beta", 1) != 1 ||
      IntOf(*node, "transA", 0) != 0) {
    return std::nullopt;
  }
  if (IntOf(*node, "transB", 0) != 0) {
    const std::optional<Constant> kernel = weights->Transposed();
    if (!kernel.has_value()) return std::nullopt;
    dense.kernel = *kernel;
  }
  if (!node->input(2).empty()) {
    const Constant* const bias = graph.ConstantOf(node->input(2));
    if (bias == nullptr || !IsRow(*bias)) return std::nullopt;
    dense.bias = *bias;
  }
  return dense;
}

// Whether `value` is the mean of each row of `x`.
bool IsRowMean(const Graph& graph, absl::string_view value, absl::string_view* x) {
  const GraphNode* const node = MakerOfKind(graph, value, "ReduceMean");
  if (node == nullptr || IntOf(*node, "keepdims", 1) != 1) return false;
  std::vector<std::int64_t> axes = IntsOf(*node, "axes");
  if (const Constant* const input = graph.ConstantOf(node->input(1)); input != nullptr) {
    if (input->size() != 1) return false;
    axes = {static_cast<std::int64_t>(input->At(0))};
  }
  if (axes.size() != 1 || (axes[0] != -1 && axes[0] != 1)) return false;
  *x = graph.Resolve(node->input(0));
  return true;
}

bool IsNumber(const Graph& graph, absl::string_view value, double number) {
  const Constant* const constant = graph.ConstantOf(value);
  return constant != nullptr && constant->size() == 1 && constant->At(0) == number;
}

// Whether `value` is `x` squared.
bool IsSquare(const Graph& graph, absl::string_view value, absl::string_view x) {
  const GraphNode* const node = graph.MakerOf(value);
  if (node == nullptr || node->inputs() != 2 || graph.Resolve(node->input(0)) != x) return false;
  if (node->op() == "Mul") return graph.Resolve(node->input(1)) == x;
  return node->op() == "Pow" && IsNumber(graph, node->input(1), 2);
}

// √(variance of x + ε), where `centered` is x - mean.
struct Deviation {
  absl::string_view x;
  absl::string_view mean;
  absl::string_view centered;
  double epsilon;
};
std::optional<Deviation> FindDeviation(const Graph& graph, absl::string_view value) {
  const GraphNode* const root = MakerOfKind(graph, value, "Sqrt");
  if (root == nullptr) return std::nullopt;
  const auto sum = WithRow(graph, MakerOfKind(graph, root->input(0), "Add"));
  absl::string_view squares;
  if (!sum.has_value() || sum->row->size() != 1 || !IsRowMean(graph, sum->value, &squares)) {
    return std::nullopt;
  }
  const GraphNode* const square = graph.MakerOf(squares);
  if (square == nullptr) return std::nullopt;
  const absl::string_view centered = graph.Resolve(square->input(0));
  const GraphNode* const difference = MakerOfKind(graph, centered, "Sub");
  if (difference == nullptr || !IsSquare(graph, squares, centered)) return std::nullopt;
  const absl::string_view mean = graph.Resolve(difference->input(1));
  const absl::string_view x = graph.Resolve(difference->input(0));
  absl::string_view meant;
  if (!IsRowMean(graph, mean, &meant) || meant != x) return std::nullopt;
  return Deviation{x, mean, centered, sum->row->At(0)};
}

// (x - mean) / √(variance + ε), without gain and bias.
std::optional<Deviation> FindNormalized(const Graph& graph, absl::string_view value) {
  const GraphNode* const quotient = MakerOfKind(graph, value, "Div");
  if (quotient == nullptr) return std::nullopt;
  const std::optional<Deviation> deviation = FindDeviation(graph, quotient->input(1));
  if (!deviation.has_value() || graph.Resolve(quotient->input(0)) != deviation->centered) {
    return std::nullopt;
  }
  return deviation;
}

// bias - mean s, which may be written -mean s + bias; without a bias -mean s.
struct ShiftOfMean {
  absl::string_view mean;
  absl::string_view scale;
  std::optional<Constant> bias;
};
std::optional<ShiftOfMean> FindShiftOfMean(const Graph& graph, absl::string_view value) {
  if (const GraphNode* const rest = MakerOfKind(graph, value, "Sub")) {
    const Constant* const bias = graph.ConstantOf(rest->input(0));
    const GraphNode* const product = MakerOfKind(graph, rest->input(1), "Mul");
    if (bias == nullptr || !IsRow(*bias) || product == nullptr) return std::nullopt;
    return ShiftOfMean{graph.Resolve(product->input(0)), graph.Resolve(product->input(1)), *bias};
  }
  std::optional<Constant> bias;
  if (const auto sum = WithRow(graph, MakerOfKind(graph, value, "Add")); sum.has_value()) {
    bias = *sum->row;
    value = sum->value;
  }
  const GraphNode* const product = MakerOfKind(graph, value, "Mul");
  if (product == nullptr) return std::nullopt;
  const GraphNode* const negated = MakerOfKind(graph, product->input(0), "Neg");
  if (negated == nullptr) return std::nullopt;
  return ShiftOfMean{graph.Resolve(negated->input(0)), graph.Resolve(product->input(1)), bias};
}

// x s + (bias - mean s) with s = gain / √(variance + ε): as Keras computes it.
std::optional<LayerNormPattern> FindKerasNorm(const Graph& graph, absl::string_view value) {
  const GraphNode* const sum = MakerOfKind(graph, value, "Add");
  if (sum == nullptr || sum->inputs() != 2) return std::nullopt;
  for (const int i : {0, 1}) {
    const GraphNode* const scaled = MakerOfKind(graph, sum->input(i), "Mul");
    const std::optional<ShiftOfMean> shift = FindShiftOfMean(graph, sum->input(1 - i));
    if (scaled == nullptr || !shift.has_value()) continue;
    const auto product = WithRow(graph, MakerOfKind(graph, shift->scale, "Mul"));
    if (!product.has_value()) continue;
    const GraphNode* const inverse = MakerOfKind(graph, product->value, "Reciprocal");
    if (inverse == nullptr) continue;
    const std::optional<Deviation> deviation = FindDeviation(graph, inverse->input(0));
    if (deviation.has_value() && graph.Resolve(scaled->input(0)) == deviation->x &&
        graph.Resolve(scaled->input(1)) == shift->scale && shift->mean == deviation->mean) {
      return LayerNormPattern{deviation->x, deviation->epsilon, *product->row, shift->bias};
    }
  }
  return std::nullopt;
}

std::optional<LayerNormPattern> FindLayerNormOperator(const Graph& graph, const GraphNode& node) {
  const std::int64_t axis = IntOf(node, "axis", -1);
  const Constant* const gain = graph.ConstantOf(node.input(1));
  if ((axis != -1 && axis != 1) || gain == nullptr || !IsRow(*gain)) return std::nullopt;
  LayerNormPattern norm{graph.Resolve(node.input(0)), FloatOf(node, "epsilon", 1e-5), *gain, {}};
  if (!node.input(2).empty()) {
    const Constant* const bias = graph.ConstantOf(node.input(2));
    if (bias == nullptr || !IsRow(*bias)) return std::nullopt;
    norm.bias = *bias;
  }
  return norm;
}

}  // namespace

std::optional<DensePattern> FindDense(const Graph& graph, absl::string_view value) {
  const RowAffine affine = RowAffine::Before(graph, value);
  std::optional<DensePattern> dense = Product(graph, graph.MakerOf(affine.input()));
  if (!dense.has_value() || affine.IsIdentity()) return dense;
  if (const Constant* const bias = affine.AddedRow(); bias != nullptr && !dense->bias.has_value()) {
    dense->bias = *bias;
    return dense;
  }
  return affine.After(*dense);
}

bool MayBeDense(const Graph& graph, absl::string_view value) {
  return Product(graph, graph.MakerOf(RowAffine::Before(graph, value).input())).has_value();
}

std::optional<LayerNormPattern> FindLayerNorm(const Graph& graph, absl::string_view value) {
  if (const GraphNode* const node = MakerOfKind(graph, value, "LayerNormalization")) {
    return FindLayerNormOperator(graph, *node);
  }
  std::optional<Constant> bias;
  absl::string_view scaled = graph.Resolve(value);
  if (const auto sum = WithRow(graph, MakerOfKind(graph, value, "Add")); sum.has_value()) {
    bias = *sum->row;
    scaled = sum->value;
  }
  const auto product = WithRow(graph, MakerOfKind(graph, scaled, "Mul"));
  if (!product.has_value()) return FindKerasNorm(graph, value);
  const auto normalized = FindNormalized(graph, product->value);
  if (!normalized.has_value()) return std::nullopt;
  return LayerNormPattern{normalized->x, normalized->epsilon, *product->row, std::move(bias)};
}

}  // namespace descent::exchange
