#include "server/exchange/onnx/refusal.h"

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/exchange/onnx/elementwise.h"
#include "server/exchange/onnx/file_errors.h"
#include "server/exchange/onnx/scalar_function.h"

namespace descent::exchange {
namespace {

absl::Status CheckDense(const GraphNode& node) {
  if (node.op() != "Gemm" && node.op() != "MatMul") return absl::OkStatus();
  return RefuseNode(node,
                    "a dense layer's weights are a constant matrix of floating-point numbers and "
                    "its bias a row of them; alpha and beta are 1, transA is 0");
}

}  // namespace

absl::Status RefuseValue(const Graph& graph, absl::string_view value) {
  const GraphNode* const node = graph.MakerOf(value);
  if (node == nullptr) {
    return Unsupported(absl::StrCat("value ", Shown(value)),
                       "a layer reads it, and it is not made of the graph's input");
  }
  RETURN_IF_ERROR(CheckOperator(*node));
  RETURN_IF_ERROR(CheckDense(*node));
  if (!IsScalarFunction(*node)) return RefuseNode(*node, "no layer does this here");
  if (const GraphNode* const before = graph.MakerOf(FarthestSource(graph, value))) {
    RETURN_IF_ERROR(CheckOperator(*before));
    // A known function of a product that is a dense layer is to blame itself.
    const Constant* const weights = graph.ConstantOf(before->input(1));
    if (weights == nullptr || weights->rank() != 2) RETURN_IF_ERROR(CheckDense(*before));
  }
  return RefuseNode(*node,
                    "ends in no activation that there is, or in one that follows no dense "
                    "layer");
}

}  // namespace descent::exchange
