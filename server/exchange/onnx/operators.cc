#include "server/exchange/onnx/operators.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/exchange/onnx/file_errors.h"

namespace descent::exchange {
namespace {

using onnx::AttributeProto;
using Attributes = std::vector<std::pair<absl::string_view, AttributeProto::AttributeType>>;

struct Operator {
  absl::string_view name;
  Attributes attributes = {};
  absl::string_view domain = {};
};

constexpr auto kFloat = AttributeProto::FLOAT;
constexpr auto kInt = AttributeProto::INT;
constexpr auto kInts = AttributeProto::INTS;
constexpr auto kFloats = AttributeProto::FLOATS;
constexpr auto kString = AttributeProto::STRING;
constexpr auto kStrings = AttributeProto::STRINGS;
constexpr auto kTensor = AttributeProto::TENSOR;
constexpr absl::string_view kMachineLearning = "ai.onnx.ml";

const std::vector<Operator>& Operators() {
  static const auto* const kOperators = new std::vector<Operator>{
      // What layers are made of.
      {"Gemm", {{"alpha", kFloat}, {"beta", kFloat}, {"transA", kInt}, {"transB", kInt}}},
      {"MatMul"},
      {"LayerNormalization", {{"axis", kInt}, {"epsilon", kFloat}, {"stash_type", kInt}}},
      {"BatchNormalization",
       {{"epsilon", kFloat}, {"momentum", kFloat}, {"spatial", kInt}, {"training_mode", kInt}}},
      {"ReduceMean", {{"axes", kInts}, {"keepdims", kInt}, {"noop_with_empty_axes", kInt}}},
      {"Dropout", {{"ratio", kFloat}, {"seed", kInt}}},
      // Functions of each element.
      {"Add"},
      {"Sub"},
      {"Mul"},
      {"Div"},
      {"Pow"},
      {"Min"},
      {"Max"},
      {"Abs"},
      {"Neg"},
      {"Sign"},
      {"Sqrt"},
      {"Reciprocal"},
      {"Exp"},
      {"Log"},
      {"Erf"},
      {"Erfc"},  // not ONNX's, but tf2onnx leaves it in Keras's GELU
      {"Relu"},
      {"Sigmoid"},
      {"Tanh"},
      {"Softplus"},
      {"Softsign"},
      {"HardSwish"},
      {"Mish"},
      {"LeakyRelu", {{"alpha", kFloat}}},
      {"Elu", {{"alpha", kFloat}}},
      {"Celu", {{"alpha", kFloat}}},
      {"Selu", {{"alpha", kFloat}, {"gamma", kFloat}}},
      {"HardSigmoid", {{"alpha", kFloat}, {"beta", kFloat}}},
      {"Swish", {{"alpha", kFloat}}},
      {"Gelu", {{"approximate", kString}}},
      {"PRelu"},
      {"Clip", {{"min", kFloat}, {"max", kFloat}}},
      {"Where"},
      {"Equal"},
      {"Greater"},
      {"GreaterOrEqual"},
      {"Less"},
      {"LessOrEqual"},
      // Rows of tables, beside other columns, and columns of their ids.
      {"Gather", {{"axis", kInt}}},
      {"Concat", {{"axis", kInt}}},
      {"ReduceSum", {{"axes", kInts}, {"keepdims", kInt}, {"noop_with_empty_axes", kInt}}},
      {"Slice", {{"axes", kInts}, {"ends", kInts}, {"starts", kInts}}},
      {"Not"},
      {"Split", {{"axis", kInt}, {"num_outputs", kInt}, {"split", kInts}}},
      // Ends of a network.
      {"Softmax", {{"axis", kInt}}},
      {"LogSoftmax", {{"axis", kInt}}},
      {"Scaler", {{"offset", kFloats}, {"scale", kFloats}}, kMachineLearning},
      {"ZipMap",
       {{"classlabels_int64s", kInts}, {"classlabels_strings", kStrings}},
       kMachineLearning},
      // What moves numbers and does not change them.
      {"Identity"},
      {"Cast", {{"to", kInt}, {"saturate", kInt}}},
      {"Flatten", {{"axis", kInt}}},
      {"Reshape", {{"allowzero", kInt}}},
      {"Transpose", {{"perm", kInts}}},
      {"Squeeze", {{"axes", kInts}}},
      {"Unsqueeze", {{"axes", kInts}}},
      {"Constant", {{"value", kTensor}, {"value_float", kFloat}, {"value_int", kInt}}},
  };
  return *kOperators;
}

bool IsOfType(const AttributeProto& attribute, AttributeProto::AttributeType type) {
  if (attribute.has_type() && attribute.type() != type) return false;
  switch (type) {
    case kFloat:
      return attribute.has_f();
    case kInt:
      return attribute.has_i();
    case kString:
      return attribute.has_s();
    case kTensor:
      return attribute.has_t();
    default:
      return true;
  }
}

absl::Status NodeError(const GraphNode& node, absl::string_view what, const char* reason) {
  const onnx::NodeProto& proto = *node.proto;
  const absl::string_view domain = proto.domain();
  const std::string op = absl::StrCat(domain, domain.empty() ? "" : ".", proto.op_type());
  return InvalidFile(reason,
                     absl::StrCat("operator ", Shown(op), ", node ", node.place, " ",
                                  Shown(proto.name()), ": ", what),
                     {{"operator", Shown(op)},
                      {"node", Shown(proto.name())},
                      {"place", absl::StrCat(node.place)}});
}

}  // namespace

absl::Status RefuseNode(const GraphNode& node, absl::string_view what) {
  return NodeError(node, what, "UNSUPPORTED_FILE");
}

absl::Status InvalidNode(const GraphNode& node, absl::string_view what) {
  return NodeError(node, what, "MALFORMED_FILE");
}

absl::Status CheckOperator(const GraphNode& node) {
  absl::string_view domain = node.proto->domain();
  if (domain == "ai.onnx") domain = "";
  const auto is_it = [&](const Operator& op) {
    return op.name == node.op() && op.domain == domain;
  };
  const auto found = std::ranges::find_if(Operators(), is_it);
  if (found == Operators().end()) return RefuseNode(node, "no layer does what this operator does");
  for (const AttributeProto& attribute : node.proto->attribute()) {
    const auto known = std::ranges::find_if(
        found->attributes, [&](const auto& entry) { return entry.first == attribute.name(); });
    if (known == found->attributes.end() || attribute.has_ref_attr_name() ||
        !IsOfType(attribute, known->second)) {
      return RefuseNode(node, absl::StrCat("attribute ", Shown(attribute.name()),
                                           " is unknown, or of another type than expected"));
    }
  }
  return absl::OkStatus();
}

const AttributeProto* FindAttribute(const GraphNode& node, absl::string_view name) {
  for (const AttributeProto& attribute : node.proto->attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

std::int64_t IntOf(const GraphNode& node, absl::string_view name, std::int64_t otherwise) {
  const AttributeProto* const attribute = FindAttribute(node, name);
  return attribute == nullptr ? otherwise : attribute->i();
}

double FloatOf(const GraphNode& node, absl::string_view name, double otherwise) {
  const AttributeProto* const attribute = FindAttribute(node, name);
  return attribute == nullptr ? otherwise : static_cast<double>(attribute->f());
}

std::vector<std::int64_t> IntsOf(const GraphNode& node, absl::string_view name) {
  const AttributeProto* const attribute = FindAttribute(node, name);
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

}  // namespace descent::exchange
