#include "server/exchange/onnx/first_inputs.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/embeddings/tables.h"
#include "core/status_macros.h"
#include "server/exchange/onnx/file_errors.h"
#include "server/exchange/onnx/input_normalization.h"
#include "server/exchange/onnx/refusal.h"
#include "server/exchange/onnx/table_lookup.h"

namespace descent::exchange {
namespace {

// Of all blocks and the numbers.
constexpr std::size_t kMostParts = static_cast<std::size_t>(kMaxCategoricalInputs) + 1;

// Shapes that rows may have in a graph, which are the same rows of a network.
enum Form : unsigned {
  kRows = 1,     // [batch, width]
  kColumn = 2,   // [batch, 1, width]
  kStacked = 4,  // [batch, n, width] with n tables' rows one below the other, in their order
};
using Forms = unsigned;  // one of some

// The axis that ReduceSum, ReduceMean or Squeeze takes away, constant or an attribute; unset unless
// it is one.
std::optional<std::int64_t> AxisTakenAway(const Graph& graph, const GraphNode& node) {
  const onnx::AttributeProto* const axes = FindAttribute(node, "axes");
  if (axes != nullptr) return axes->ints_size() == 1 ? std::optional(axes->ints(0)) : std::nullopt;
  const Constant* const constant = graph.ConstantOf(node.input(1));
  if (constant == nullptr || constant->size() != 1) return std::nullopt;
  return static_cast<std::int64_t>(constant->At(0));
}

class FirstInputsReader {
 public:
  explicit FirstInputsReader(const Graph& graph) : graph_(graph) {}

  absl::StatusOr<FirstInputs> Read(absl::string_view value) && {
    Open(value, kRows, nullptr);
    while (!open_.empty()) {
      const Part part = open_.back();
      open_.pop_back();
      if (part.is_read) {
        FinishNode(part);
      } else {
        RETURN_IF_ERROR(TakePart(part));
      }
    }
    for (const onnx::ValueInfoProto* const input : graph_.inputs()) {
      const bool is_read =
          input == graph_.input() ? !read_.numeric.empty() : looked_up_.Contains(input);
      if (is_read) continue;
      return Unsupported(absl::StrCat("graph.input ", Shown(input->name())),
                         "the first layer reads neither it nor rows that it names");
    }
    return std::move(read_);
  }

 private:
  // What is still to be taken apart, or the end of what was.
  struct Part {
    absl::string_view value;
    Forms forms = kRows;
    const GraphNode* reader = nullptr;  // null: the first layer
    bool is_read = false;               // then: what had been read before
    std::int64_t columns_before = 0;
    bool numbers_before = false;
  };

  void Open(absl::string_view value, Forms forms, const GraphNode* reader) {
    open_.push_back({.value = graph_.Resolve(value), .forms = forms, .reader = reader});
    ++values_open_;
  }

  // Before what a node reads is opened.
  void BeginNode(absl::string_view value) {
    open_.push_back({.value = value,
                     .is_read = true,
                     .columns_before = read_.block_columns,
                     .numbers_before = !read_.numeric.empty()});
  }
  void FinishNode(const Part& part) {
    read_.widths.push_back({.value = part.value,
                            .block_columns = read_.block_columns - part.columns_before,
                            .has_numbers = !read_.numeric.empty() && !part.numbers_before});
  }

  absl::Status TakePart(const Part& part) {
    --values_open_;
    const GraphNode* const node = graph_.MakerOf(part.value);
    if (node == nullptr) return TakeNumbers(part);
    const absl::string_view op = node->op();
    if (op == "Concat") return TakeJoin(part, *node);
    if (op == "Gather") return TakeLookup(part, *node, nullptr);
    if (op == "ReduceSum" || op == "ReduceMean") return TakeReduced(part, *node);
    if (op == "Squeeze" || op == "Flatten" || op == "Reshape") return TakeMoved(part, *node);
    return TakeNumbers(part);
  }

  absl::Status TakeJoin(const Part& part, const GraphNode& node) {
    RETURN_IF_ERROR(CheckOperator(node));
    const Forms below_each_other = (part.forms & kStacked) != 0 ? kColumn | kStacked : 0;
    Forms forms = 0;
    switch (IntOf(node, "axis", 0)) {
      case 1:
        forms = (part.forms & kRows) | below_each_other;
        break;
      case 2:
        forms = part.forms & kColumn;
        break;
      case -1:
        forms = part.forms & (kRows | kColumn);
        break;
      case -2:
        forms = below_each_other;
        break;
      default:
        break;
    }
    if (forms == 0) return RefuseNode(node, "columns are put side by side: expected axis 1");
    if (node.inputs() == 0) return RefuseNode(node, "joins nothing");
    const std::size_t parts =
        values_open_ + static_cast<std::size_t>(node.inputs()) + read_.categories.size();
    if (parts > kMostParts) {
      return RefuseNode(node, absl::StrCat("joins more than ", kMostParts,
                                           " parts, the most that a first layer reads"));
    }
    BeginNode(part.value);
    for (int i = node.inputs() - 1; i >= 0; --i) Open(node.input(i), forms, &node);
    read_.join = &node;
    return absl::OkStatus();
  }

  // Rows with a dimension taken away that says nothing.
  absl::Status TakeMoved(const Part& part, const GraphNode& node) {
    RETURN_IF_ERROR(CheckOperator(node));
    Forms forms = kRows | kColumn | kStacked;
    if (node.op() == "Squeeze") {
      const std::optional<std::int64_t> axis = AxisTakenAway(graph_, node);
      if (axis != 1 && axis != -2) {
        return RefuseNode(node, "rows of a table keep their shape but for axis 1");
      }
      forms = kColumn;
    } else if (!graph_.IsFlattened(part.value)) {
      return TakeNumbers(part);
    }
    if ((part.forms & kRows) == 0) return RefuseForm(node);
    BeginNode(part.value);
    Open(node.input(0), forms, &node);
    return absl::OkStatus();
  }

  absl::Status TakeReduced(const Part& part, const GraphNode& node) {
    RETURN_IF_ERROR(CheckOperator(node));
    const GraphNode* const gather = graph_.MakerOf(node.input(0));
    if (gather == nullptr || gather->op() != "Gather") return TakeNumbers(part);
    const std::optional<std::int64_t> axis = AxisTakenAway(graph_, node);
    if (axis != 1 && axis != -2) {
      return RefuseNode(node, "takes rows of a table together: expected axis 1, that of the ids");
    }
    const Form form = IntOf(node, "keepdims", 1) != 0 ? kColumn : kRows;
    if ((part.forms & form) == 0) return RefuseForm(node);
    return TakeLookup(part, *gather, &node);
  }

  // `reduction` takes the rows of several ids together; null: of one id each.
  absl::Status TakeLookup(const Part& part, const GraphNode& gather, const GraphNode* reduction) {
    ASSIGN_OR_RETURN(const TableLookup lookup, ReadTableLookup(graph_, gather));
    const IdColumns& ids = lookup.ids;
    const bool is_declared = ids.shape != IdColumns::Shape::kUndeclared;
    const bool has_columns = ids.shape == IdColumns::Shape::kBatchByColumns;
    if (reduction != nullptr && is_declared && !has_columns) {
      return RefuseNode(*reduction,
                        "takes the numbers of a row together: expected several ids a "
                        "row, in a shape of [batch, columns]");
    }
    if (reduction == nullptr && has_columns && ids.count != 1) {
      return RefuseNode(gather,
                        absl::StrCat("looks up several ids a row of ", Shown(ids.input->name()),
                                     ": expected ReduceSum or ReduceMean of their rows over axis "
                                     "1, or one column of them"));
    }
    if (reduction == nullptr && is_declared &&
        (part.forms & (has_columns ? kColumn : kRows)) == 0) {
      return RefuseForm(gather);
    }
    ASSIGN_OR_RETURN(std::string name, looked_up_.Add(gather, lookup));
    CategoricalInputSpec spec;
    spec.name = std::move(name);
    spec.buckets = lookup.table.dims()[0];
    spec.dimension = lookup.table.dims()[1];
    const bool is_mean = reduction != nullptr && reduction->op() == "ReduceMean";
    spec.combiner = is_mean ? Combiner::kMean : Combiner::kSum;
    RETURN_IF_ERROR(graph_.CheckWidth(gather.proto->output(0), spec.dimension));
    RETURN_IF_ERROR(graph_.CheckWidth(part.value, spec.dimension));
    read_.block_columns += spec.dimension;
    read_.categories.push_back({std::move(spec), lookup.table, reduction != nullptr});
    return absl::OkStatus();
  }

  absl::Status TakeNumbers(const Part& part) {
    if (read_.join == nullptr && part.reader == nullptr) {
      RETURN_IF_ERROR(CheckBeforeLayers(graph_, part.value));
    } else if (!read_.numeric.empty() || part.value.empty() || (part.forms & kRows) == 0 ||
               !CheckBeforeLayers(graph_, part.value).ok()) {
      const GraphNode* const maker = graph_.MakerOf(part.value);
      if (maker != nullptr) RETURN_IF_ERROR(CheckOperator(*maker));
      return RefuseNode(
          *part.reader,
          absl::StrCat(part.reader->op() == "Concat" ? "joins " : "reads ", Shown(part.value),
                       ": what a first layer reads are rows "
                       "of tables, and once the numeric input, normalised or not"));
    }
    if (graph_.input() == nullptr) return RefuseValue(graph_, part.value);
    read_.numeric = part.value;
    read_.columns_before = read_.block_columns;
    return absl::OkStatus();
  }

  static absl::Status RefuseForm(const GraphNode& node) {
    return RefuseNode(node,
                      "makes rows of tables in another shape than they are read in: expected "
                      "[batch, width], by Flatten, Reshape or Squeeze of axis 1 where ids have a "
                      "shape of [batch, 1], or [batch, 1, width] before those");
  }

  const Graph& graph_;
  FirstInputs read_;
  std::vector<Part> open_;  // the next last
  std::size_t values_open_ = 0;
  LookedUp looked_up_;
};

}  // namespace

absl::StatusOr<FirstInputs> ReadFirstInputs(const Graph& graph, absl::string_view value) {
  return FirstInputsReader(graph).Read(value);
}

}  // namespace descent::exchange
