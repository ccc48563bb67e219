// What the first layer of a graph reads: a row of numbers, and beside it rows of tables.

#ifndef SERVER_EXCHANGE_ONNX_FIRST_INPUTS_H_
#define SERVER_EXCHANGE_ONNX_FIRST_INPUTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/spec.h"
#include "server/exchange/onnx/constant.h"
#include "server/exchange/onnx/graph.h"

namespace descent::exchange {

// Ids that a Gather looks up in a table.
struct GraphCategory {
  CategoricalInputSpec spec;
  Constant table;                // [buckets, dimension]
  bool has_several_ids = false;  // a row, whose rows of the table are combined as the spec says
};

struct FirstInputs {
  // The graph's input or what normalises it; "": there are no numbers.
  absl::string_view numeric = {};
  std::vector<GraphCategory> categories = {};  // in the order of their blocks
  // Columns of blocks, and those of them that come before the numbers.
  std::int64_t block_columns = 0;
  std::int64_t columns_before = 0;
  const GraphNode* join = nullptr;  // null where nothing is put side by side
  // Of values on the way from there.
  struct Width {
    absl::string_view value;
    std::int64_t block_columns = 0;
    bool has_numbers = false;  // beside those
  };
  std::vector<Width> widths = {};
};

// Takes apart what makes `value`. kInvalidArgument naming the node (UNSUPPORTED_FILE) where that is
// neither the graph's input, normalised or not, nor Gather of a constant matrix by ids, of several
// ids with their rows' sum or mean, nor a Concat of those by columns; where an input, a column of
// it or a table is looked up twice; and naming the input that nothing here reads. Columns of ids
// that nothing reads are left out.
absl::StatusOr<FirstInputs> ReadFirstInputs(const Graph& graph, absl::string_view value);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_ONNX_FIRST_INPUTS_H_
