// Why no layer makes a value of a graph.

#ifndef SERVER_EXCHANGE_ONNX_REFUSAL_H_
#define SERVER_EXCHANGE_ONNX_REFUSAL_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/exchange/onnx/graph.h"

namespace descent::exchange {

// kInvalidArgument naming the node that is to blame: for a function of each element that is no
// activation of a dense layer, the node before it if that is none that is known.
absl::Status RefuseValue(const Graph& graph, absl::string_view value);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_REFUSAL_H_
