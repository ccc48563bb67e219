#include "server/exchange/onnx/graph_outputs.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "server/exchange/onnx/file_errors.h"
#include "server/exchange/onnx/graph_terms.h"

namespace descent::exchange {
namespace {

using onnx::TensorProto;

// Whether an output holds no scores: integers, Booleans or strings.
bool IsLabel(const onnx::ValueInfoProto& output) {
  if (!output.type().has_tensor_type() || !output.type().tensor_type().has_elem_type()) {
    return false;
  }
  const std::int32_t type = output.type().tensor_type().elem_type();
  return type != TensorProto::FLOAT && type != TensorProto::DOUBLE &&
         type != TensorProto::FLOAT16 && type != TensorProto::BFLOAT16;
}

absl::StatusOr<absl::string_view> ScoresOf(const Graph& graph) {
  std::vector<std::string> names;
  for (const onnx::ValueInfoProto& output : graph.proto().output()) {
    if (!IsLabel(output)) names.push_back(output.name());
  }
  if (names.size() != 1) {
    const std::size_t shown = std::min<std::size_t>(names.size(), 5);
    return Unsupported(
        "graph.output",
        absl::StrCat(
            "expected one output of floating-point numbers, got ", names.size(),
            names.empty() ? "" : ": ",
            absl::StrJoin(
                names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", ",
                [](std::string* out, const std::string& name) { out->append(Shown(name)); })));
  }
  const absl::string_view value = graph.Resolve(names[0]);
  if (!value.empty()) return value;
  return Malformed("graph.output", absl::StrCat("no node makes ", Shown(names[0])));
}

// Scores as sklearn-onnx puts them into columns: p of 1 - p and p.
absl::string_view SecondOfTwoClasses(const Graph& graph, const GraphNode& node) {
  const std::int64_t axis = IntOf(node, "axis", 1);
  if (node.op() != "Concat" || node.inputs() != 2 || (axis != 1 && axis != -1)) return "";
  const GraphNode* const rest = graph.MakerOf(node.input(0));
  if (rest == nullptr || rest->op() != "Sub" || rest->inputs() != 2) return "";
  const Constant* const one = graph.ConstantOf(rest->input(0));
  if (one == nullptr || one->size() != 1 || one->At(0) != 1) return "";
  const absl::string_view value = graph.Resolve(node.input(1));
  return graph.Resolve(rest->input(1)) == value ? value : "";
}

// Softmax over the features of rows.
bool IsOverRows(const Graph& graph, const GraphNode& node) {
  const std::int64_t axis = IntOf(node, "axis", graph.opset() >= 13 ? -1 : 1);
  return axis == -1 || axis == 1;
}

}  // namespace

absl::StatusOr<GraphEnd> FindEnd(const Graph& graph, const std::optional<LossSpec>& hint) {
  ASSIGN_OR_RETURN(absl::string_view value, ScoresOf(graph));
  const GraphNode* node = graph.MakerOf(value);
  if (node != nullptr && node->op() == "ZipMap" && CheckOperator(*node).ok()) {
    value = graph.Resolve(node->input(0));
    node = graph.MakerOf(value);
  }
  if (node != nullptr && CheckOperator(*node).ok()) {
    const absl::string_view second = SecondOfTwoClasses(graph, *node);
    if (!second.empty()) {
      value = second;
      node = graph.MakerOf(value);
    }
  }
  const LossSpec otherwise = hint.value_or(MeanSquaredErrorLoss{});
  if (node == nullptr || !CheckOperator(*node).ok()) return GraphEnd{value, otherwise};

  const bool log_softmax = node->op() == "LogSoftmax";
  if (log_softmax || node->op() == "Softmax") {
    const bool fits =
        hint.has_value() ? std::holds_alternative<SoftmaxCrossEntropyLoss>(*hint) : !log_softmax;
    if (!fits || !IsOverRows(graph, *node)) {
      return RefuseNode(
          *node, log_softmax
                     ? "the logarithms of probabilities are read where softmax cross-entropy is "
                       "given as the loss; predictions are the probabilities then"
                     : "ends networks over the features of a row whose loss is softmax "
                       "cross-entropy");
    }
    return GraphEnd{graph.Resolve(node->input(0)), hint.value_or(SoftmaxCrossEntropyLoss{})};
  }
  LossSpec loss = otherwise;
  if (!hint.has_value() && node->op() == "Sigmoid") loss = BinaryCrossEntropyLoss{};
  if (!hint.has_value() && node->op() == "Exp") loss = PoissonLoss{};
  const bool is_transform = node->op() == OutputTransformOf(loss);
  return GraphEnd{is_transform ? graph.Resolve(node->input(0)) : value, loss};
}

}  // namespace descent::exchange
