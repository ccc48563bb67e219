// A whole network in a graph.

#ifndef SERVER_EXCHANGE_ONNX_NETWORK_OF_GRAPH_H_
#define SERVER_EXCHANGE_ONNX_NETWORK_OF_GRAPH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/input_statistics.h"
#include "core/spec.h"
#include "server/exchange/onnx/constant.h"
#include "server/exchange/onnx/graph.h"

namespace descent::exchange {

struct GraphNetwork {
  NetworkSpec spec;
  std::vector<Constant> parameters;  // in the order of the network's
  std::shared_ptr<const InputStatistics> statistics;
  // Of each categorical input whether a row has several ids, so that the combiner counts.
  std::vector<bool> has_several_ids;
};

// kInvalidArgument as ReadOnnx says. `rows` as ReadNormalization has it. The element type is that
// of the parameters.
absl::StatusOr<GraphNetwork> ReadNetwork(const Graph& graph, const std::optional<LossSpec>& loss,
                                         std::optional<std::int64_t> rows);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_NETWORK_OF_GRAPH_H_
