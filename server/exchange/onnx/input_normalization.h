// What a graph does to its inputs before its layers.

#ifndef SERVER_EXCHANGE_ONNX_INPUT_NORMALIZATION_H_
#define SERVER_EXCHANGE_ONNX_INPUT_NORMALIZATION_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/input_statistics.h"
#include "core/spec.h"
#include "server/exchange/onnx/graph.h"

namespace descent::exchange {

struct GraphNormalization {
  InputNormalizationSpec spec;
  // Null: of no rows.
  std::shared_ptr<const InputStatistics> statistics;
};

// Whether `value`, which the first layer reads, may be inputs, normalised or as they come.
// kInvalidArgument naming the node that makes it where it may not.
absl::Status CheckBeforeLayers(const Graph& graph, absl::string_view value);

// How `value`, which the first layer reads, is made of the graph's input of `features` features;
// unset where it is that input. `rows`: how many the statistics are of, as the metadata say.
//
// As WriteOnnx writes it, the statistics go on. What others write, constants subtracted and divided
// by (scikit-learn's StandardScaler, for one) or batch normalisation, are statistics of one row
// that stay as they are. kInvalidArgument naming the node for anything else.
absl::StatusOr<std::optional<GraphNormalization>> ReadNormalization(
    const Graph& graph, absl::string_view value, std::int64_t features,
    std::optional<std::int64_t> rows);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_INPUT_NORMALIZATION_H_
