// Where a network ends in a graph.

#ifndef SERVER_EXCHANGE_ONNX_GRAPH_OUTPUTS_H_
#define SERVER_EXCHANGE_ONNX_GRAPH_OUTPUTS_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/spec.h"
#include "server/exchange/onnx/graph.h"

namespace descent::exchange {

struct GraphEnd {
  absl::string_view value;  // what the layers make, before the output transform
  LossSpec loss;
};

// As ReadOnnx describes it. kInvalidArgument where there is not one output of scores, or the hint's
// loss has no such end.
absl::StatusOr<GraphEnd> FindEnd(const Graph& graph, const std::optional<LossSpec>& hint);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_GRAPH_OUTPUTS_H_
