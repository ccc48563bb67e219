// Which columns of which input a value holds: what is looked up in tables.

#ifndef SERVER_EXCHANGE_ONNX_ID_COLUMNS_H_
#define SERVER_EXCHANGE_ONNX_ID_COLUMNS_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "onnx/onnx_subset.pb.h"
#include "server/exchange/onnx/graph_values.h"
#include "server/exchange/onnx/operators.h"

namespace descent::exchange {

// Columns side by side of an input as it comes, of one id a row or of several.
struct IdColumns {
  enum class Shape : std::uint8_t {
    kUndeclared,  // [batch] or [batch, columns]: the input does not say
    kBatch,
    kBatchByColumns,
    kColumnsByBatch,
  };
  const onnx::ValueInfoProto* input = nullptr;
  Shape shape = Shape::kUndeclared;
  std::int64_t first = 0;
  std::int64_t count = 0;     // 0: to the input's last, which it does not declare
  bool are_all = true;        // of the input's columns
  bool are_integers = false;  // declared or converted to them, or not declared
  // Not null: they are none. What the node does to what it reads is no picking of columns.
  const GraphNode* refused_by = nullptr;
  const char* refusal = nullptr;  // of the node, or without one of the input
};

// Why columns are none: kInvalidArgument naming the node, or the input.
absl::Status RefuseIds(const IdColumns& ids);

// Follows columns through the values of a graph, each node once: Gather by a constant column
// number, Slice, Split, what moves or converts ids (Identity, Cast, Reshape, Flatten, Squeeze,
// Unsqueeze, Transpose), and what counts ids below zero from the end of a table, and leaves the
// others as they are.
class IdColumnsOfValues {
 public:
  void AddInput(const onnx::ValueInfoProto& input);
  // Of a node whose inputs have been added. `values` are those that it and they read.
  void AddNode(const GraphNode& node, const GraphValues& values);

  // By the name as it is read, whatever else has the same numbers. Null for other values.
  const IdColumns* Find(absl::string_view name) const;

 private:
  // The ids that `node` counts so, as Keras does; null for others.
  const IdColumns* FindCounted(const GraphNode& node, const GraphValues& values) const;
  void AddSplit(const GraphNode& node, const IdColumns& from, const GraphValues& values);

  absl::flat_hash_map<absl::string_view, IdColumns> columns_;
};

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_ID_COLUMNS_H_
