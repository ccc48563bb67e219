#include "server/exchange/onnx/node_writer.h"

#include <array>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace descent::exchange {
namespace {

// The shortest text that is this number of the type, so that a number that was read from a file is
// called what it was called there.
std::string NumberText(DataType type, double value) {
  std::array<char, 64> text;
  const auto end = type == DataType::kFloat32
                       ? std::to_chars(text.begin(), text.end(), static_cast<float>(value))
                       : std::to_chars(text.begin(), text.end(), value);
  return {text.data(), end.ptr};
}

}  // namespace

onnx::TensorProto::DataType OnnxTypeOf(DataType type) {
  return type == DataType::kFloat32 ? onnx::TensorProto::FLOAT : onnx::TensorProto::DOUBLE;
}

std::string NodeWriter::Add(absl::string_view op, std::vector<std::string> inputs) {
  std::string name = absl::StrCat(scope_, "/", op);
  if (const int times = times_[name]++; times > 0) absl::StrAppend(&name, "_", times);
  onnx::NodeProto* const node = graph_->add_node();
  for (std::string& input : inputs) node->add_input(std::move(input));
  node->add_output(name);
  node->set_name(name);
  node->set_op_type(std::string(op));
  return name;
}

onnx::NodeProto* NodeWriter::last_node() { return graph_->mutable_node(graph_->node_size() - 1); }

onnx::AttributeProto* NodeWriter::Attribute(absl::string_view name,
                                            onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto* const attribute = last_node()->add_attribute();
  attribute->set_name(std::string(name));
  attribute->set_type(type);
  return attribute;
}

void NodeWriter::SetFloat(absl::string_view attribute, double value) {
  Attribute(attribute, onnx::AttributeProto::FLOAT)->set_f(static_cast<float>(value));
}

void NodeWriter::SetInt(absl::string_view attribute, std::int64_t value) {
  Attribute(attribute, onnx::AttributeProto::INT)->set_i(value);
}

void NodeWriter::SetInts(absl::string_view attribute, const std::vector<std::int64_t>& values) {
  onnx::AttributeProto* const ints = Attribute(attribute, onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) ints->add_ints(value);
}

std::string NodeWriter::ScalarOf(DataType type, double value) {
  // Of one value in two types, the one that is not the graph's says so.
  std::string name =
      absl::StrCat("number.", type == type_ ? "" : "double.", NumberText(type, value));
  if (!scalars_.insert(name).second) return name;
  onnx::TensorProto* const tensor = graph_->add_initializer();
  tensor->set_data_type(OnnxTypeOf(type));
  tensor->set_name(name);
  const auto number = static_cast<float>(value);
  if (type == DataType::kFloat32) {
    tensor->set_raw_data(&number, sizeof(number));
  } else {
    tensor->set_raw_data(&value, sizeof(value));
  }
  return name;
}

onnx::TensorProto* NodeWriter::Initializer(absl::string_view name, DataType type,
                                           const std::vector<std::int64_t>& dims) {
  onnx::TensorProto* const tensor = graph_->add_initializer();
  for (const std::int64_t dim : dims) tensor->add_dims(dim);
  tensor->set_data_type(OnnxTypeOf(type));
  tensor->set_name(absl::StrCat(scope_, ".", name));
  return tensor;
}

void NodeWriter::Finish(const std::string& value, absl::string_view output) {
  // Nothing reads what the last node makes, so it may be called otherwise.
  if (graph_->node_size() == 0 || last_node()->output(0) != value) {
    SetScope(output);
    Add("Identity", {value});
  }
  last_node()->set_output(0, std::string(output));
}

}  // namespace descent::exchange
