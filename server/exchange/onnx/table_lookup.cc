#include "server/exchange/onnx/table_lookup.h"

#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/exchange/onnx/file_errors.h"

namespace descent::exchange {
namespace {

std::string CategoryName(const IdColumns& ids) {
  constexpr std::size_t kMostBytes = 63;
  const std::string number = ids.are_all ? "" : absl::StrCat("_", ids.first);
  std::string text =
      absl::AsciiStrToLower(absl::string_view(ids.input->name()).substr(0, kMostBytes));
  for (char& byte : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(byte))) byte = '_';
  }
  const bool begins =
      !text.empty() && absl::ascii_isalpha(static_cast<unsigned char>(text.front()));
  const bool is_taken = number.empty() && (text == "inputs" || text == "outputs");
  if (!begins || is_taken) text = absl::StrCat("category_", text);
  return text.substr(0, kMostBytes - number.size()) + number;
}

absl::Status CheckType(const IdColumns& ids) {
  const onnx::ValueInfoProto& input = *ids.input;
  const std::string part = absl::StrCat("graph.input ", Shown(input.name()));
  if (input.has_type() && !input.type().has_tensor_type()) {
    return Unsupported(part, "expected a tensor");
  }
  const onnx::TypeProto::Tensor& tensor = input.type().tensor_type();
  const auto type = tensor.elem_type();
  const bool is_read = !tensor.has_elem_type() || type == onnx::TensorProto::INT64 ||
                       type == onnx::TensorProto::INT32 || type == onnx::TensorProto::FLOAT ||
                       type == onnx::TensorProto::DOUBLE;
  if (is_read && ids.are_integers) return absl::OkStatus();
  return Malformed(part, absl::StrCat("is looked up in a table: expected INT64 or INT32, or "
                                      "floating-point numbers that a Cast converts to them, got "
                                      "ONNX's data type ",
                                      tensor.elem_type()));
}

}  // namespace

absl::StatusOr<TableLookup> ReadTableLookup(const Graph& graph, const GraphNode& gather) {
  RETURN_IF_ERROR(CheckOperator(gather));
  if (IntOf(gather, "axis", 0) != 0) {
    return RefuseNode(gather, "rows of a table are looked up: expected axis 0");
  }
  const Constant* const table = graph.ConstantOf(gather.input(0));
  if (table == nullptr || table->rank() != 2 || !table->IsFloatingPoint() || table->size() == 0) {
    return RefuseNode(gather,
                      "a table is a constant matrix of floating-point numbers, of a row for each "
                      "bucket");
  }
  const IdColumns* const ids = graph.IdsOf(gather.input(1));
  if (ids == nullptr) {
    return RefuseNode(gather,
                      "what is looked up in a table is an input of the graph, as it comes or "
                      "columns of it that constants pick");
  }
  if (ids->refusal != nullptr) return RefuseIds(*ids);
  RETURN_IF_ERROR(CheckType(*ids));
  if (ids->shape == IdColumns::Shape::kColumnsByBatch) {
    return RefuseNode(gather,
                      "looks up ids in a shape of [columns, batch]: expected the batch first");
  }
  return TableLookup{*ids, *table};
}

absl::Status LookedUp::TakeColumns(const GraphNode& gather, const IdColumns& ids) {
  const std::int64_t last =
      ids.count > 0 ? ids.first + ids.count - 1 : std::numeric_limits<std::int64_t>::max();
  std::map<std::int64_t, std::int64_t>& columns = columns_[ids.input];
  const auto behind = columns.upper_bound(last);  // the first that begins behind
  if (behind == columns.begin() || std::prev(behind)->second < ids.first) {
    columns.emplace(ids.first, last);
    return absl::OkStatus();
  }
  const std::string input = Shown(ids.input->name());
  if (ids.are_all) {
    return RefuseNode(
        gather, absl::StrCat("looks up ", input, " a second time: an input of ids has one table"));
  }
  return RefuseNode(gather, absl::StrCat("looks up column ", ids.first, " of ", input,
                                         ", or one behind it, a second time: a column of ids has "
                                         "one table"));
}

absl::StatusOr<std::string> LookedUp::Add(const GraphNode& gather, const TableLookup& lookup) {
  RETURN_IF_ERROR(TakeColumns(gather, lookup.ids));
  if (!tables_.insert(lookup.table.identity()).second) {
    return RefuseNode(gather, absl::StrCat("looks up in ", Shown(lookup.table.name()),
                                           " a second time: each input of ids has a table of its "
                                           "own"));
  }
  std::string name = CategoryName(lookup.ids);
  if (names_.insert(name).second) return name;
  return Unsupported(
      absl::StrCat("graph.input ", Shown(lookup.ids.input->name())),
      absl::StrCat("would be called ", name, ", as another input of ids is already"));
}

}  // namespace descent::exchange
