#include "server/exchange/onnx/first_inputs.h"

#include <cstddef>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/embeddings/tables.h"
#include "core/status_macros.h"
#include "server/exchange/onnx/file_errors.h"
#include "server/exchange/onnx/input_normalization.h"
#include "server/exchange/onnx/refusal.h"

namespace descent::exchange {
namespace {

// Of all blocks and the numbers.
constexpr std::size_t kMostParts = static_cast<std::size_t>(kMaxCategoricalInputs) + 1;

// The graph's name for an input of ids, as a network may have it: small letters, "_" for every
// other byte but digits, and "category_" before what begins with no letter or is taken.
std::string CategoryName(absl::string_view name) {
  constexpr std::size_t kMostBytes = 63;
  std::string text = absl::AsciiStrToLower(name.substr(0, kMostBytes));
  for (char& byte : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(byte))) byte = '_';
  }
  const bool begins =
      !text.empty() && absl::ascii_isalpha(static_cast<unsigned char>(text.front()));
  if (!begins || text == "inputs" || text == "outputs") text = absl::StrCat("category_", text);
  return text.substr(0, kMostBytes);
}

// Whether an input is declared to have one number a row, or not declared.
bool HasOneColumn(const onnx::ValueInfoProto& input) {
  const onnx::TypeProto::Tensor& tensor = input.type().tensor_type();
  if (!tensor.has_shape()) return true;
  for (int i = 1; i < tensor.shape().dim_size(); ++i) {
    if (tensor.shape().dim(i).dim_value() != 1) return false;
  }
  return tensor.shape().dim_size() > 0;
}

absl::Status CheckIds(const onnx::ValueInfoProto& input) {
  const std::string part = absl::StrCat("graph.input ", Shown(input.name()));
  if (input.has_type() && !input.type().has_tensor_type()) {
    return Unsupported(part, "expected a tensor");
  }
  const onnx::TypeProto::Tensor& tensor = input.type().tensor_type();
  if (tensor.has_elem_type() && tensor.elem_type() != onnx::TensorProto::INT64 &&
      tensor.elem_type() != onnx::TensorProto::INT32) {
    return Malformed(part, absl::StrCat("is looked up in a table: expected INT64 or INT32, got ",
                                        "ONNX's data type ", tensor.elem_type()));
  }
  if (HasOneColumn(input)) return absl::OkStatus();
  return Unsupported(part, "expected one id a row: a shape of [batch]");
}

class FirstInputsReader {
 public:
  explicit FirstInputsReader(const Graph& graph) : graph_(graph) {}

  absl::StatusOr<FirstInputs> Read(absl::string_view value) && {
    // What is still to be taken apart, the next last.
    std::vector<absl::string_view> open = {graph_.Resolve(value)};
    while (!open.empty()) {
      const absl::string_view part = open.back();
      open.pop_back();
      const GraphNode* const node = graph_.MakerOf(part);
      if (node != nullptr && node->op() == "Concat") {
        RETURN_IF_ERROR(CheckJoin(*node, open.size()));
        for (int i = node->inputs() - 1; i >= 0; --i)
          open.push_back(graph_.Resolve(node->input(i)));
        read_.join = node;
      } else if (node != nullptr && node->op() == "Gather") {
        RETURN_IF_ERROR(TakeBlock(*node));
      } else {
        RETURN_IF_ERROR(TakeNumbers(part));
      }
    }
    RETURN_IF_ERROR(CheckAllAreRead());
    return std::move(read_);
  }

 private:
  absl::Status CheckJoin(const GraphNode& node, std::size_t others) const {
    RETURN_IF_ERROR(CheckOperator(node));
    const std::int64_t axis = IntOf(node, "axis", 0);
    if (axis != 1 && axis != -1) {
      return RefuseNode(node, "columns are put side by side: expected axis 1");
    }
    if (node.inputs() == 0) return RefuseNode(node, "joins nothing");
    const std::size_t parts =
        others + static_cast<std::size_t>(node.inputs()) + read_.categories.size();
    if (parts <= kMostParts) return absl::OkStatus();
    return RefuseNode(node, absl::StrCat("joins more than ", kMostParts,
                                         " parts, the most that a first layer reads"));
  }

  absl::Status TakeNumbers(absl::string_view value) {
    if (read_.join == nullptr) {
      RETURN_IF_ERROR(CheckBeforeLayers(graph_, value));
    } else if (!read_.numeric.empty() || value.empty() || !CheckBeforeLayers(graph_, value).ok()) {
      const GraphNode* const maker = graph_.MakerOf(value);
      if (maker != nullptr) RETURN_IF_ERROR(CheckOperator(*maker));
      return RefuseNode(*read_.join,
                        absl::StrCat("joins ", Shown(value),
                                     ": what a first layer reads are rows "
                                     "of tables, and once the numeric input, normalised or not"));
    }
    if (graph_.input() == nullptr) return RefuseValue(graph_, value);
    read_.numeric = value;
    read_.columns_before = read_.block_columns;
    return absl::OkStatus();
  }

  absl::Status TakeBlock(const GraphNode& node) {
    RETURN_IF_ERROR(CheckOperator(node));
    if (IntOf(node, "axis", 0) != 0) {
      return RefuseNode(node, "rows of a table are looked up: expected axis 0");
    }
    const Constant* const table = graph_.ConstantOf(node.input(0));
    if (table == nullptr || table->rank() != 2 || !table->IsFloatingPoint() || table->size() == 0) {
      return RefuseNode(node,
                        "a table is a constant matrix of floating-point numbers, of a row for each "
                        "bucket");
    }
    const onnx::ValueInfoProto* const ids = graph_.InputOf(node.input(1));
    if (ids == nullptr) {
      return RefuseNode(node, "what is looked up in a table is an input of the graph, as it comes");
    }
    RETURN_IF_ERROR(CheckIds(*ids));
    if (!ids_.insert(ids).second) {
      return RefuseNode(node, absl::StrCat("looks up ", Shown(ids->name()),
                                           " a second time: an input of ids has one table"));
    }
    if (!tables_.insert(table->identity()).second) {
      return RefuseNode(node, absl::StrCat("looks up in ", Shown(table->name()),
                                           " a second time: each input of ids has a table of its "
                                           "own"));
    }
    RETURN_IF_ERROR(graph_.CheckWidth(node.proto->output(0), table->dims()[1]));
    return AddCategory(*ids, *table);
  }

  absl::Status AddCategory(const onnx::ValueInfoProto& ids, const Constant& table) {
    CategoricalInputSpec spec;
    spec.name = CategoryName(ids.name());
    spec.buckets = table.dims()[0];
    spec.dimension = table.dims()[1];
    if (!names_.insert(spec.name).second) {
      return Unsupported(
          absl::StrCat("graph.input ", Shown(ids.name())),
          absl::StrCat("would be called ", spec.name, ", as another input of ids is already"));
    }
    read_.block_columns += spec.dimension;
    read_.categories.push_back({std::move(spec), table});
    return absl::OkStatus();
  }

  absl::Status CheckAllAreRead() const {
    for (const onnx::ValueInfoProto* const input : graph_.inputs()) {
      const bool is_read = input == graph_.input() ? !read_.numeric.empty() : ids_.contains(input);
      if (is_read) continue;
      return Unsupported(absl::StrCat("graph.input ", Shown(input->name())),
                         "the first layer reads neither it nor rows that it names");
    }
    return absl::OkStatus();
  }

  const Graph& graph_;
  FirstInputs read_;
  absl::flat_hash_set<const onnx::ValueInfoProto*> ids_;
  absl::flat_hash_set<const onnx::TensorProto*> tables_;
  absl::flat_hash_set<std::string> names_;
};

}  // namespace

absl::StatusOr<FirstInputs> ReadFirstInputs(const Graph& graph, absl::string_view value) {
  return FirstInputsReader(graph).Read(value);
}

}  // namespace descent::exchange
