#include "server/exchange/onnx/layer_patterns.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace descent::exchange {
namespace {

// The node that makes a value if it is of the operator, with no attribute that is not known.
const GraphNode* MakerOfKind(const Graph& graph, absl::string_view value, absl::string_view op) {
  const GraphNode* const node = graph.MakerOf(value);
  if (node == nullptr || node->op() != op || !CheckOperator(*node).ok()) return nullptr;
  return node;
}

// One number, row vector or matrix of one row that is added to or multiplied with rows.
bool IsRow(const Constant& constant) {
  if (!constant.IsFloatingPoint()) return false;
  return constant.size() == 1 ||
         (constant.rank() >= 1 && constant.dims().back() == constant.size());
}

// Of a node of two inputs: a constant row and what is not constant, in any order.
struct RowAndValue {
  const Constant* row;
  absl::string_view value;
};
std::optional<RowAndValue> WithRow(const Graph& graph, const GraphNode* node) {
  if (node == nullptr || node->inputs() != 2) return std::nullopt;
  for (const int i : {1, 0}) {
    const Constant* const row = graph.ConstantOf(node->input(i));
    if (row == nullptr || graph.ConstantOf(node->input(1 - i)) != nullptr) continue;
    if (!IsRow(*row)) return std::nullopt;
    return RowAndValue{row, graph.Resolve(node->input(1 - i))};
  }
  return std::nullopt;
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
  DensePattern dense{graph.Resolve(node->input(0)), *weights, {}};
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

// x s + (bias - mean s) with s = gain / √(variance + ε): as Keras computes it.
std::optional<LayerNormPattern> FindKerasNorm(const Graph& graph, absl::string_view value) {
  const GraphNode* const sum = MakerOfKind(graph, value, "Add");
  if (sum == nullptr || sum->inputs() != 2) return std::nullopt;
  const GraphNode* scaled = MakerOfKind(graph, sum->input(0), "Mul");
  const GraphNode* rest = MakerOfKind(graph, sum->input(1), "Sub");
  if (scaled == nullptr || rest == nullptr) {
    scaled = MakerOfKind(graph, sum->input(1), "Mul");
    rest = MakerOfKind(graph, sum->input(0), "Sub");
  }
  if (scaled == nullptr || rest == nullptr) return std::nullopt;
  const Constant* const bias = graph.ConstantOf(rest->input(0));
  const GraphNode* const shift = MakerOfKind(graph, rest->input(1), "Mul");
  if (bias == nullptr || !IsRow(*bias) || shift == nullptr) return std::nullopt;

  const absl::string_view scale = graph.Resolve(scaled->input(1));
  const auto product = WithRow(graph, MakerOfKind(graph, scale, "Mul"));
  if (!product.has_value()) return std::nullopt;
  const GraphNode* const inverse = MakerOfKind(graph, product->value, "Reciprocal");
  if (inverse == nullptr) return std::nullopt;
  const std::optional<Deviation> deviation = FindDeviation(graph, inverse->input(0));
  if (!deviation.has_value() || graph.Resolve(scaled->input(0)) != deviation->x ||
      graph.Resolve(shift->input(0)) != deviation->mean ||
      graph.Resolve(shift->input(1)) != scale) {
    return std::nullopt;
  }
  return LayerNormPattern{deviation->x, deviation->epsilon, *product->row, *bias};
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
  const GraphNode* const node = graph.MakerOf(value);
  if (node == nullptr) return std::nullopt;
  if (node->op() != "Add") return Product(graph, node);
  const auto added = WithRow(graph, MakerOfKind(graph, value, "Add"));
  if (!added.has_value()) return std::nullopt;
  std::optional<DensePattern> dense = Product(graph, graph.MakerOf(added->value));
  if (!dense.has_value() || dense->bias.has_value()) return std::nullopt;
  dense->bias = *added->row;
  return dense;
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
