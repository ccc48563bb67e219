// Single layers in a graph, by the nodes that they are written in.

#ifndef SERVER_EXCHANGE_ONNX_LAYER_PATTERNS_H_
#define SERVER_EXCHANGE_ONNX_LAYER_PATTERNS_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "server/exchange/onnx/constant.h"
#include "server/exchange/onnx/dense_pattern.h"
#include "server/exchange/onnx/graph.h"

namespace descent::exchange {

struct LayerNormPattern {
  absl::string_view input;
  double epsilon = 0;
  Constant gain;
  std::optional<Constant> bias;
};

// The layer that makes a value; unset where it is made otherwise. Each looks at a few nodes.

// Gemm, MatMul, and either with a constant added, or scaled and shifted by constants.
std::optional<DensePattern> FindDense(const Graph& graph, absl::string_view value);

// Whether FindDense finds one, without computing with its numbers: they may not fit.
bool MayBeDense(const Graph& graph, absl::string_view value);

// LayerNormalization, or the same of ReduceMean, Sub, Mul or Pow, Sqrt and Div, or as Keras has it.
std::optional<LayerNormPattern> FindLayerNorm(const Graph& graph, absl::string_view value);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_LAYER_PATTERNS_H_
