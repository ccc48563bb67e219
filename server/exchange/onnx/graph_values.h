// A graph's values by their names, as far as its nodes have been read.

#ifndef SERVER_EXCHANGE_ONNX_GRAPH_VALUES_H_
#define SERVER_EXCHANGE_ONNX_GRAPH_VALUES_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/exchange/onnx/constant.h"
#include "server/exchange/onnx/operators.h"

namespace descent::exchange {

struct GraphValue {
  absl::string_view name = {};
  const GraphNode* maker = nullptr;  // as its first output; null for others
  std::optional<Constant> constant = {};
  bool is_of_id_columns = false;
  bool is_flattened = false;
};

// Views the names, which outlive it. A value may have several of them.
class GraphValues {
 public:
  // kInvalidArgument naming `what`, an input for one, where something has the name.
  absl::Status Define(absl::string_view name, GraphValue value, absl::string_view what);
  // Gives the value that `of` names, which there is, another name.
  absl::Status Alias(absl::string_view name, absl::string_view of, absl::string_view what);

  bool Contains(absl::string_view name) const { return names_.contains(name); }
  // Null for a name that nothing has.
  const GraphValue* Find(absl::string_view name) const;
  // The first name of the value; "" for a name that nothing has.
  absl::string_view Resolve(absl::string_view name) const;
  // Null for values that no node makes as its first output.
  const GraphNode* MakerOf(absl::string_view name) const;
  // Null for others.
  const Constant* ConstantOf(absl::string_view name) const;

 private:
  absl::Status Name(absl::string_view name, std::size_t value, absl::string_view what);

  std::vector<GraphValue> values_;
  absl::flat_hash_map<absl::string_view, std::size_t> names_;  // places in values_
};

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_GRAPH_VALUES_H_
