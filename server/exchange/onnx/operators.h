// Operators that are read, with their attributes.

#ifndef SERVER_EXCHANGE_ONNX_OPERATORS_H_
#define SERVER_EXCHANGE_ONNX_OPERATORS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "onnx/onnx_subset.pb.h"

namespace descent::exchange {

// A node and its place in the graph.
struct GraphNode {
  const onnx::NodeProto* proto = nullptr;
  int place = 0;

  absl::string_view op() const { return proto->op_type(); }
  int inputs() const { return proto->input_size(); }
  // "" for an input that is left out.
  absl::string_view input(int i) const {
    return i < inputs() ? absl::string_view(proto->input(i)) : absl::string_view();
  }
};

// kInvalidArgument naming the node's place, name and operator.
absl::Status RefuseNode(const GraphNode& node, absl::string_view what);
absl::Status InvalidNode(const GraphNode& node, absl::string_view what);

// RefuseNode unless the operator is one of those that are read, and has no attribute but those that
// are, each of its type.
absl::Status CheckOperator(const GraphNode& node);

// Values of attributes, of a node that CheckOperator has passed.
std::int64_t IntOf(const GraphNode& node, absl::string_view name, std::int64_t otherwise);
double FloatOf(const GraphNode& node, absl::string_view name, double otherwise);
std::vector<std::int64_t> IntsOf(const GraphNode& node, absl::string_view name);
// Null where it is not set.
const onnx::AttributeProto* FindAttribute(const GraphNode& node, absl::string_view name);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_OPERATORS_H_
