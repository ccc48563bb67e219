// A graph's nodes and values, with what only moves numbers taken out of the way.

#ifndef SERVER_EXCHANGE_ONNX_GRAPH_H_
#define SERVER_EXCHANGE_ONNX_GRAPH_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "onnx/onnx_subset.pb.h"
#include "server/exchange/onnx/constant.h"
#include "server/exchange/onnx/graph_values.h"
#include "server/exchange/onnx/id_columns.h"
#include "server/exchange/onnx/operators.h"

namespace descent::exchange {

// Immutable once read; views the messages, which outlive it.
//
// A value that is another, moved or converted between float32 and float64 (Identity, Cast, Flatten,
// Reshape to a matrix, Dropout outside of training) is one and the same value here, as an input of
// integers is that is converted between types of them; Resolve says which. What moves a constant
// gives a constant. Rows of tables that are looked up by ids of [batch, columns] have a dimension
// more than rows have; what takes it away is a value of its own.
//
// Inputs whose integers, or columns of them, a Gather looks up in a constant are ids; at most one
// other input is there, of rows of numbers.
class Graph {
 public:
  // kInvalidArgument where names are used twice, a node reads what no node before it makes (so that
  // there are no cycles), an initialiser is wrong, or there is no input beside initialisers or more
  // than one of rows of numbers.
  static absl::StatusOr<std::unique_ptr<const Graph>> Read(const onnx::GraphProto& proto,
                                                           std::int64_t opset);

  const onnx::GraphProto& proto() const { return *proto_; }
  std::int64_t opset() const { return opset_; }
  // The input of rows of numbers; null where all inputs are ids.
  const onnx::ValueInfoProto* input() const { return input_; }
  // All inputs beside initialisers, in the file's order.
  const std::vector<const onnx::ValueInfoProto*>& inputs() const { return inputs_; }

  // The value that `name` is, of a name that a node reads, or an output's; "" for others.
  absl::string_view Resolve(absl::string_view name) const { return values_.Resolve(name); }

  // Each takes a name that may be unresolved.
  // The node that makes a value as its first output; null for others.
  const GraphNode* MakerOf(absl::string_view name) const { return values_.MakerOf(name); }
  // Null for others.
  const Constant* ConstantOf(absl::string_view name) const { return values_.ConstantOf(name); }
  // Whether it is the input of rows of numbers.
  bool IsInput(absl::string_view name) const;
  // Any input; null for others.
  const onnx::ValueInfoProto* InputOf(absl::string_view name) const;
  // What a Gather would look up, if it read this name; null where no input is looked up by it.
  const IdColumns* IdsOf(absl::string_view name) const { return ids_.Find(name); }
  // Whether it has rows of [batch, columns of ids, width], which a Flatten or a Reshape makes rows
  // of [batch, width] of, with the same numbers.
  bool IsOfIdColumns(absl::string_view name) const;
  // Whether it is what such a node makes.
  bool IsFlattened(absl::string_view name) const;
  // Of its maker among the nodes; -1 for the input and constants.
  int PlaceOf(absl::string_view name) const;

  // The widths that values were reshaped to: kInvalidArgument naming the node where the value is
  // not so wide.
  absl::Status CheckWidth(absl::string_view name, std::int64_t width) const;

 private:
  struct Width {
    std::int64_t width;
    const GraphNode* node;
  };

  explicit Graph(const onnx::GraphProto& proto, std::int64_t opset)
      : proto_(&proto), opset_(opset) {}

  absl::Status ReadInitializers();
  absl::Status ReadInputs();
  absl::Status ReadNode(const GraphNode& node);
  bool MakesIdColumns(const GraphNode& node) const;
  absl::Status ChooseInput();
  // What a node looks up in a constant, ids or what is none of an input; null for other nodes.
  const IdColumns* LookedUpBy(const GraphNode& node) const;
  std::optional<Constant> FoldedConstant(const GraphNode& node);
  std::optional<Constant> ReshapedConstant(const GraphNode& node, const Constant& moved) const;
  std::optional<Constant> ConstantOfNode(const GraphNode& node);
  bool OnlyMoves(const GraphNode& node);
  // Those of a shape or of axes; unset unless they are a constant of few integers.
  std::optional<std::vector<std::int64_t>> IntegersOf(absl::string_view name) const;

  const onnx::GraphProto* proto_;
  std::int64_t opset_;
  const onnx::ValueInfoProto* input_ = nullptr;
  std::vector<const onnx::ValueInfoProto*> inputs_;
  absl::flat_hash_map<absl::string_view, const onnx::ValueInfoProto*> inputs_by_name_;
  std::vector<GraphNode> nodes_;
  GraphValues values_;
  absl::flat_hash_map<absl::string_view, Width> widths_;
  IdColumnsOfValues ids_;
  std::deque<onnx::TensorProto> made_;  // of Constant nodes without a tensor
};

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_GRAPH_H_
