// Single layers in a graph, by the nodes that they are written in.

#ifndef SERVER_EXCHANGE_ONNX_LAYER_PATTERNS_H_
#define SERVER_EXCHANGE_ONNX_LAYER_PATTERNS_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "server/exchange/onnx/constant.h"
#include "server/exchange/onnx/graph.h"

namespace descent::exchange {

// z = x W + b.
struct DensePattern {
  absl::string_view input;
  Constant kernel;  // [inputs, units]
  std::optional<Constant> bias;
};

struct LayerNormPattern {
  absl::string_view input;
  double epsilon = 0;
  Constant gain;
  std::optional<Constant> bias;
};

// The layer that makes a value; unset where it is made otherwise. Each looks at a few nodes.

// Gemm, MatMul, and either with a constant added.
std::optional<DensePattern> FindDense(const Graph& graph, absl::string_view value);

// LayerNormalization, or the same of ReduceMean, Sub, Mul or Pow, Sqrt and Div, or as Keras has it.
std::optional<LayerNormPattern> FindLayerNorm(const Graph& graph, absl::string_view value);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_LAYER_PATTERNS_H_
