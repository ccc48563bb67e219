// Activations in a graph, by what they compute and not by how they are written: exporters write
// GELU, SILU, Mish and their like in many ways.

#ifndef SERVER_EXCHANGE_ONNX_ELEMENTWISE_H_
#define SERVER_EXCHANGE_ONNX_ELEMENTWISE_H_

#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "core/spec.h"
#include "server/exchange/onnx/graph.h"

namespace descent::exchange {

struct FoundActivation {
  ActivationSpec spec;
  absl::string_view source;  // the value that it is computed of
};

// The activation σ with y = σ(x) for a value x that is one of `may_be_source`; of several the
// farthest from y. It is found by computing what the nodes between do at points on both sides of
// every kink, which has to be σ to within 1e-6. Unset: there is none, or it takes more than 100
// nodes.
std::optional<FoundActivation> FindActivation(
    const Graph& graph, absl::string_view y,
    absl::FunctionRef<bool(absl::string_view)> may_be_source);

// The farthest value that y is computed from element by element, with nothing else; y where there
// is none.
absl::string_view FarthestSource(const Graph& graph, absl::string_view y);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_ELEMENTWISE_H_
