#include "server/exchange/onnx/graph.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "server/exchange/onnx/file_errors.h"

namespace descent::exchange {
namespace {

using onnx::TensorProto;

// Deeper than networks are; what reads a graph takes some microseconds a node.
constexpr int kMostGraphNodes = 100000;
// Of all nodes, each of which is a value.
constexpr std::int64_t kMostOutputs = 2 * kMostGraphNodes;

// Whether a value is said to be of integers that ids may be of.
bool IsOfIntegers(const onnx::ValueInfoProto& value) {
  const std::int32_t type = value.type().tensor_type().elem_type();
  return type == TensorProto::INT64 || type == TensorProto::INT32;
}

// Whether a tensor's type is left alone because nothing that is read has it: labels, for instance.
bool IsOfOtherType(const TensorProto& tensor) {
  return !Constant::Reads(tensor.data_type()) && tensor.data_location() == TensorProto::DEFAULT &&
         tensor.external_data_size() == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Graph>> Graph::Read(const onnx::GraphProto& proto,
                                                         std::int64_t opset) {
  std::unique_ptr<Graph> graph(new Graph(proto, opset));
  RETURN_IF_ERROR(graph->ReadInitializers());
  RETURN_IF_ERROR(graph->ReadInputs());
  if (proto.node_size() > kMostGraphNodes) {
    return Unsupported("graph.node", absl::StrCat("expected at most ", kMostGraphNodes,
                                                  " nodes, got ", proto.node_size()));
  }
  std::int64_t outputs = 0;
  for (const onnx::NodeProto& node : proto.node()) outputs += node.output_size();
  if (outputs > kMostOutputs) {
    return Unsupported("graph.node", absl::StrCat("expected nodes with at most ", kMostOutputs,
                                                  " outputs together, got ", outputs));
  }
  graph->nodes_.reserve(static_cast<std::size_t>(proto.node_size()));
  for (int i = 0; i < proto.node_size(); ++i) graph->nodes_.push_back({&proto.node(i), i});
  for (const GraphNode& node : graph->nodes_) RETURN_IF_ERROR(graph->ReadNode(node));
  RETURN_IF_ERROR(graph->ChooseInput());
  return graph;
}

absl::Status Graph::ReadInitializers() {
  if (proto_->sparse_initializer_size() > 0) {
    return Malformed("graph.sparse_initializer", "sparse tensors are not read");
  }
  for (const TensorProto& tensor : proto_->initializer()) {
    if (tensor.name().empty()) return Malformed("graph.initializer", "one has no name");
    GraphValue value;
    if (!IsOfOtherType(tensor)) {
      ASSIGN_OR_RETURN(value.constant, Constant::Of(tensor));
    }
    RETURN_IF_ERROR(values_.Define(tensor.name(), std::move(value), "initializer"));
  }
  return absl::OkStatus();
}

absl::Status Graph::ReadInputs() {
  for (const onnx::ValueInfoProto& input : proto_->input()) {
    // Old files name initialisers among the inputs, as values that may be given anew.
    if (values_.Contains(input.name())) continue;
    RETURN_IF_ERROR(values_.Define(input.name(), {}, "input"));
    inputs_.push_back(&input);
    ids_.AddInput(input);
    inputs_by_name_.emplace(input.name(), &input);
  }
  if (!inputs_.empty()) return absl::OkStatus();
  return Unsupported("graph.input", "expected one input of rows of features, got 0");
}

const IdColumns* Graph::LookedUpBy(const GraphNode& node) const {
  if (node.op() != "Gather" || !CheckOperator(node).ok() || IntOf(node, "axis", 0) != 0 ||
      ConstantOf(node.input(0)) == nullptr) {
    return nullptr;
  }
  return IdsOf(node.input(1));
}

bool Graph::MakesIdColumns(const GraphNode& node) const {
  if (node.op() == "Gather") {
    const IdColumns* const ids = LookedUpBy(node);
    return ids != nullptr && ids->refusal == nullptr &&
           ids->shape == IdColumns::Shape::kBatchByColumns;
  }
  if (node.op() == "Concat") {
    return std::ranges::any_of(node.proto->input(),
                               [this](const std::string& part) { return IsOfIdColumns(part); });
  }
  const bool reduces = node.op() == "ReduceSum" || node.op() == "ReduceMean";
  return reduces && IsOfIdColumns(node.input(0)) && IntOf(node, "keepdims", 1) != 0;
}

absl::Status Graph::ChooseInput() {
  absl::flat_hash_set<const onnx::ValueInfoProto*> ids;
  absl::flat_hash_set<const onnx::ValueInfoProto*> refused;
  for (const GraphNode& node : nodes_) {
    const IdColumns* const looked_up = LookedUpBy(node);
    if (looked_up == nullptr) continue;
    (looked_up->refusal == nullptr ? ids : refused).insert(looked_up->input);
  }
  std::vector<const onnx::ValueInfoProto*> others;
  std::ranges::copy_if(inputs_, std::back_inserter(others),
                       [&](const auto* input) { return !ids.contains(input); });
  // Integers beside rows of numbers are ids that are looked up otherwise, as some floats are, which
  // their nodes' readers refuse.
  std::vector<const onnx::ValueInfoProto*> numbers = others;
  if (others.size() > 1) {
    std::erase_if(numbers, [&](const auto* i) { return IsOfIntegers(*i) || refused.contains(i); });
  }
  if (numbers.size() == 1 || (numbers.empty() && !ids.empty())) {
    input_ = numbers.empty() ? nullptr : numbers[0];
    return absl::OkStatus();
  }
  const std::size_t count = others.size();
  if (count > 3) others.erase(others.begin() + 3, others.end());
  const std::string names = absl::StrJoin(
      others, ", ", [](std::string* out, const auto* input) { out->append(Shown(input->name())); });
  return Unsupported("graph.input", absl::StrCat("expected one input of rows of features, got ",
                                                 count, ": ", names, count > 3 ? ", …" : ""));
}

absl::Status Graph::ReadNode(const GraphNode& node) {
  for (const std::string& input : node.proto->input()) {
    if (input.empty() || values_.Contains(input)) continue;
    return InvalidNode(node, absl::StrCat("reads ", Shown(input),
                                          ", which no initialiser, input or earlier node makes"));
  }
  GraphValue value{.maker = &node};
  bool is_moved = false;
  if (CheckOperator(node).ok()) {
    if (std::optional<Constant> constant = FoldedConstant(node); constant.has_value()) {
      value = {.constant = std::move(constant)};
    } else if (!OnlyMoves(node)) {
      value.is_of_id_columns = MakesIdColumns(node);
    } else if (IsOfIdColumns(node.input(0)) && (node.op() == "Flatten" || node.op() == "Reshape")) {
      value.is_flattened = true;
    } else {
      is_moved = true;
    }
  }
  constexpr absl::string_view kWhat = "output of a node";
  for (int i = 0; i < node.proto->output_size(); ++i) {
    const std::string& output = node.proto->output(i);
    if (output.empty()) continue;
    if (i == 0 && is_moved) {
      RETURN_IF_ERROR(values_.Alias(output, node.input(0), kWhat));
    } else {
      RETURN_IF_ERROR(values_.Define(output, i == 0 ? value : GraphValue(), kWhat));
    }
  }
  ids_.AddNode(node, values_);
  return absl::OkStatus();
}

std::optional<std::vector<std::int64_t>> Graph::IntegersOf(absl::string_view name) const {
  const Constant* const constant = ConstantOf(name);
  if (constant == nullptr || constant->rank() > 1 || constant->size() > 16) return std::nullopt;
  std::vector<std::int64_t> integers;
  for (std::int64_t i = 0; i < constant->size(); ++i) {
    const double value = constant->At(i);
    if (!(value > -0x1p53 && value < 0x1p53)) return std::nullopt;
    integers.push_back(static_cast<std::int64_t>(value));
  }
  return integers;
}

std::optional<Constant> Graph::ConstantOfNode(const GraphNode& node) {
  const onnx::AttributeProto* attribute = FindAttribute(node, "value");
  if (attribute != nullptr) {
    absl::StatusOr<Constant> constant = Constant::Of(attribute->t());
    return constant.ok() ? std::optional(*constant) : std::nullopt;
  }
  TensorProto& tensor = made_.emplace_back();
  tensor.set_name(node.proto->name());
  if (attribute = FindAttribute(node, "value_float"); attribute != nullptr) {
    tensor.set_data_type(TensorProto::FLOAT);
    tensor.add_float_data(attribute->f());
  } else if (attribute = FindAttribute(node, "value_int"); attribute != nullptr) {
    tensor.set_data_type(TensorProto::INT64);
    tensor.add_int64_data(attribute->i());
  }
  absl::StatusOr<Constant> constant = Constant::Of(tensor);
  return constant.ok() ? std::optional(*constant) : std::nullopt;
}

std::optional<Constant> Graph::ReshapedConstant(const GraphNode& node,
                                                const Constant& moved) const {
  std::vector<std::int64_t> dims = moved.dims();
  if (node.op() == "Reshape") {
    const std::optional<std::vector<std::int64_t>> shape = IntegersOf(node.input(1));
    if (!shape.has_value()) return std::nullopt;
    dims = *shape;
    std::int64_t known = 1;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (dims[i] == 0 && i < moved.dims().size()) dims[i] = moved.dims()[i];
      if (dims[i] > 0 && __builtin_mul_overflow(known, dims[i], &known)) return std::nullopt;
    }
    for (std::int64_t& dim : dims) {
      if (dim == -1) dim = moved.size() / known;
    }
    return moved.Reshaped(std::move(dims));
  }
  // Squeeze and Unsqueeze matter only for vectors and matrices of one row or column, which are read
  // by their size: only ones come and go.
  std::vector<std::int64_t> axes = IntsOf(node, "axes");
  if (node.inputs() > 1) axes = IntegersOf(node.input(1)).value_or(std::vector<std::int64_t>());
  if (axes.size() != 1) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(dims.size());
  const bool squeeze = node.op() == "Squeeze";
  const std::int64_t axis = axes[0] < 0 ? axes[0] + rank + (squeeze ? 0 : 1) : axes[0];
  if (axis < 0 || axis > rank || rank > 8) return std::nullopt;
  if (!squeeze) {
    dims.insert(dims.begin() + axis, 1);
  } else {
    if (axis == rank || dims[static_cast<std::size_t>(axis)] != 1) return std::nullopt;
    dims.erase(dims.begin() + axis);
  }
  return moved.Reshaped(std::move(dims));
}

std::optional<Constant> Graph::FoldedConstant(const GraphNode& node) {
  if (node.op() == "Constant") return ConstantOfNode(node);
  const Constant* const moved = ConstantOf(node.input(0));
  if (moved == nullptr) return std::nullopt;
  if (node.op() == "Identity") return *moved;
  if (node.op() == "Cast") return moved->Converted(IntOf(node, "to", 0));
  if (node.op() == "Reshape" || node.op() == "Squeeze" || node.op() == "Unsqueeze") {
    return ReshapedConstant(node, *moved);
  }
  if (node.op() == "Transpose") {
    const std::vector<std::int64_t> perm = IntsOf(node, "perm");
    if (!perm.empty() && perm != std::vector<std::int64_t>{1, 0}) return std::nullopt;
    return moved->Transposed();
  }
  return std::nullopt;
}

bool Graph::OnlyMoves(const GraphNode& node) {
  const absl::string_view from = Resolve(node.input(0));
  if (from.empty() || ConstantOf(from) != nullptr) return false;
  if (node.op() == "Identity") return true;
  if (node.op() == "Cast") {
    const std::int64_t to = IntOf(node, "to", 0);
    if (to == TensorProto::INT64 || to == TensorProto::INT32) {
      const onnx::ValueInfoProto* const input = InputOf(from);
      return input != nullptr && IsOfIntegers(*input);
    }
    return to == TensorProto::FLOAT || to == TensorProto::DOUBLE;
  }
  if (node.op() == "Dropout") {
    if (node.input(2).empty()) return true;
    const Constant* const training = ConstantOf(node.input(2));
    return training != nullptr && training->size() == 1 && training->At(0) == 0;
  }
  if (node.op() == "Flatten") return IntOf(node, "axis", 1) == 1;
  if (node.op() == "Reshape") {
    const std::optional<std::vector<std::int64_t>> shape = IntegersOf(node.input(1));
    if (!shape.has_value() || shape->size() != 2 || node.proto->output_size() == 0) return false;
    const std::int64_t width = shape->back();
    if (width == -1) return true;
    if (width < 1) return false;
    const absl::string_view made =
        IsOfIdColumns(from) ? absl::string_view(node.proto->output(0)) : from;
    return widths_.emplace(made, Width{width, &node}).first->second.width == width;
  }
  return false;
}

bool Graph::IsInput(absl::string_view name) const {
  return input_ != nullptr && InputOf(name) == input_;
}

const onnx::ValueInfoProto* Graph::InputOf(absl::string_view name) const {
  const GraphValue* const value = values_.Find(name);
  if (value == nullptr || value->maker != nullptr) return nullptr;
  const auto found = inputs_by_name_.find(value->name);
  return found == inputs_by_name_.end() ? nullptr : found->second;
}

bool Graph::IsOfIdColumns(absl::string_view name) const {
  const GraphValue* const value = values_.Find(name);
  return value != nullptr && value->is_of_id_columns;
}

bool Graph::IsFlattened(absl::string_view name) const {
  const GraphValue* const value = values_.Find(name);
  return value != nullptr && value->is_flattened;
}

int Graph::PlaceOf(absl::string_view name) const {
  const GraphNode* const maker = MakerOf(name);
  return maker == nullptr ? -1 : maker->place;
}

absl::Status Graph::CheckWidth(absl::string_view name, std::int64_t width) const {
  const auto found = widths_.find(Resolve(name));
  if (found == widths_.end() || found->second.width == width) return absl::OkStatus();
  return RefuseNode(*found->second.node,
                    absl::StrCat("makes rows of ", found->second.width, " from rows of ", width));
}

}  // namespace descent::exchange
