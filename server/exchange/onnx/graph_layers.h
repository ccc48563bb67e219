// Layers in a graph, read from its end to its beginning.

#ifndef SERVER_EXCHANGE_ONNX_GRAPH_LAYERS_H_
#define SERVER_EXCHANGE_ONNX_GRAPH_LAYERS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/spec.h"
#include "server/exchange/onnx/constant.h"
#include "server/exchange/onnx/graph.h"

namespace descent::exchange {

// A layer with what it has learned, in the order and shapes of the network's parameters: those of
// its own layers first. A bias may be one number for all units.
struct GraphLayer {
  LayerSpec spec;
  std::vector<Constant> parameters;
};

struct GraphLayers {
  std::vector<GraphLayer> layers;  // in the order of a pass
  // What the first layer reads: the graph's input, or a value that no layer makes.
  absl::string_view input;
  // Of rows that the first layer reads and the last makes. Unset: there is no layer that says.
  std::optional<std::int64_t> inputs;
  std::optional<std::int64_t> outputs;
};

// The layers that make the value `end`, as far back as there are layers. kInvalidArgument naming
// the node (UNSUPPORTED_FILE): an activation that follows no dense layer, branches that are no
// residual, layers within layers deeper than kMaxNesting, widths that do not fit.
absl::StatusOr<GraphLayers> ReadLayers(const Graph& graph, absl::string_view end);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_GRAPH_LAYERS_H_
