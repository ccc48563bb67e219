// Rows of a table that a Gather looks up by ids.

#ifndef SERVER_EXCHANGE_ONNX_TABLE_LOOKUP_H_
#define SERVER_EXCHANGE_ONNX_TABLE_LOOKUP_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/exchange/onnx/constant.h"
#include "server/exchange/onnx/graph.h"
#include "server/exchange/onnx/id_columns.h"

namespace descent::exchange {

struct TableLookup {
  IdColumns ids;
  Constant table;  // [buckets, dimension]
};

// kInvalidArgument naming the node (UNSUPPORTED_FILE) where `gather` looks up other things than
// ids in a constant matrix.
absl::StatusOr<TableLookup> ReadTableLookup(const Graph& graph, const GraphNode& gather);

// What has been looked up in a graph: each column of ids once, each table once.
class LookedUp {
 public:
  // The name of the categorical input that a network has for the ids: that of the graph's input
  // or, of a column of several, with "_" and the number of its first one behind it; in small
  // letters, "_" for every other byte but digits, and "category_" before what begins with no
  // letter or is taken.
  // kInvalidArgument naming the node where its columns, or its table, have been looked up before,
  // and the input where another has the name.
  absl::StatusOr<std::string> Add(const GraphNode& gather, const TableLookup& lookup);

  // Whether any column of it was looked up.
  bool Contains(const onnx::ValueInfoProto* input) const { return columns_.contains(input); }

 private:
  absl::Status TakeColumns(const GraphNode& gather, const IdColumns& ids);

  // Of each input the first and the last column of those looked up together.
  absl::flat_hash_map<const onnx::ValueInfoProto*, std::map<std::int64_t, std::int64_t>> columns_;
  absl::flat_hash_set<const onnx::TensorProto*> tables_;
  absl::flat_hash_set<std::string> names_;
};

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_TABLE_LOOKUP_H_
