#include "client/cli/encoding/onnx_preprocessing.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/encoding/predictions.h"
#include "client/cli/format.h"
#include "client/cli/status_macros.h"
#include "client/cli/text/cells.h"
#include "client/cli/text/dates.h"
#include "onnx/onnx_subset.pb.h"

namespace descent::cli {
namespace {

using onnx::TensorProto;

// What is before everything of the network itself, so that no column is called like it.
constexpr char kNetworkPrefix[] = "network/";
constexpr char kBatch[] = "batch";

absl::Status NotAnExport() {
  return absl::InternalError("what the server exported is no ONNX model of this network");
}

// Adds nodes and constants to a graph.
class GraphEditor {
 public:
  explicit GraphEditor(onnx::GraphProto* graph) : graph_(graph) {}

  std::string Add(const std::string& op, const std::vector<std::string>& inputs,
                  const std::string& output) {
    onnx::NodeProto* const node = nodes_.Add();
    node->set_op_type(op);
    node->set_name(output);
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output);
    return output;
  }
  onnx::AttributeProto* Attribute(const std::string& name,
                                  onnx::AttributeProto::AttributeType type) {
    onnx::AttributeProto* const attribute = nodes_.Mutable(nodes_.size() - 1)->add_attribute();
    attribute->set_name(name);
    attribute->set_type(type);
    return attribute;
  }
  void SetDomain(const char* domain) { nodes_.Mutable(nodes_.size() - 1)->set_domain(domain); }
  // Of what the last node makes, which nobody has read yet.
  void RenameOutput(const std::string& name) {
    nodes_.Mutable(nodes_.size() - 1)->set_output(0, name);
  }
  void SetInt(const std::string& name, std::int64_t value) {
    Attribute(name, onnx::AttributeProto::INT)->set_i(value);
  }

  TensorProto* Constant(const std::string& name, TensorProto::DataType type,
                        const std::vector<std::int64_t>& dims) {
    TensorProto* const tensor = graph_->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    for (const std::int64_t dim : dims) tensor->add_dims(dim);
    return tensor;
  }
  std::string Doubles(const std::string& name, const std::vector<std::int64_t>& dims,
                      const std::vector<double>& values) {
    TensorProto* const tensor = Constant(name, TensorProto::DOUBLE, dims);
    for (const double value : values) tensor->add_double_data(value);
    return name;
  }

  // The graph's own nodes come after those that were added.
  void TakeNodes() {
    nodes_.MergeFrom(graph_->node());
    graph_->clear_node();
  }
  void Finish() { graph_->mutable_node()->Swap(&nodes_); }

  onnx::GraphProto* graph() { return graph_; }

 private:
  onnx::GraphProto* const graph_;
  google::protobuf::RepeatedPtrField<onnx::NodeProto> nodes_;
};

void Describe(const std::string& name, TensorProto::DataType type, std::int64_t width,
              onnx::ValueInfoProto* value) {
  value->set_name(name);
  onnx::TypeProto::Tensor* const tensor = value->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape()->add_dim()->set_dim_param(kBatch);
  if (width > 0) tensor->mutable_shape()->add_dim()->set_dim_value(width);
}

// The columns of an encoding, by names that are all different.
std::vector<std::string> ColumnNames(const Encoding& encoding) {
  std::set<std::string> taken;
  std::vector<std::string> names;
  for (const InputEncoding& input : encoding.inputs) {
    std::string name = input.name.empty() ? absl::StrCat("column ", input.field + 1) : input.name;
    if (input.part != DatePart::kNone) absl::StrAppend(&name, ".", NameOf(input.part));
    if (!taken.insert(name).second) {
      absl::StrAppend(&name, " of field ", input.field + 1);
      taken.insert(name);
    }
    names.push_back(std::move(name));
  }
  return names;
}

// Numbers as [batch, 1] of doubles.
std::string EncodeNumber(const NumberEncoding& number, const std::string& column,
                         GraphEditor* editor) {
  const std::string scope = absl::StrCat("encoding/", column, "/");
  std::string value = column;
  if (!std::isnan(number.median)) {
    const std::string median = editor->Doubles(scope + "median", {}, {number.median});
    const std::string missing = editor->Add("IsNaN", {value}, scope + "IsNaN");
    value = editor->Add("Where", {missing, median, value}, scope + "Where");
  }
  const Standardization& standardization = number.standardization;
  if (standardization.mean == 0 && standardization.scale == 1) return value;
  const std::string mean = editor->Doubles(scope + "mean", {}, {standardization.mean});
  const std::string scale = editor->Doubles(scope + "scale", {}, {standardization.scale});
  return editor->Add("Div", {editor->Add("Sub", {value, mean}, scope + "Sub"), scale},
                     scope + "Div");
}

// Categories as [batch, categories] of doubles, one of them 1.
std::string EncodeCategory(const CategoryEncoding& category, const std::string& column,
                           GraphEditor* editor) {
  const std::string scope = absl::StrCat("encoding/", column, "/");
  const std::vector<std::string>& known = category.categories;
  const std::string code = editor->Add("LabelEncoder", {column}, scope + "LabelEncoder");
  onnx::AttributeProto* const keys =
      editor->Attribute("keys_strings", onnx::AttributeProto::STRINGS);
  onnx::AttributeProto* const values =
      editor->Attribute("values_int64s", onnx::AttributeProto::INTS);
  TensorProto* const codes = editor->Constant(scope + "codes", TensorProto::INT64,
                                              {1, static_cast<std::int64_t>(known.size())});
  for (std::size_t i = 0; i < known.size(); ++i) {
    keys->add_strings(known[i]);
    values->add_ints(static_cast<std::int64_t>(i));
    codes->add_int64_data(static_cast<std::int64_t>(i));
    if (known[i] != kMissingCategory) continue;
    keys->add_strings("");
    values->add_ints(static_cast<std::int64_t>(i));
  }
  editor->SetInt("default_int64", -1);
  editor->SetDomain("ai.onnx.ml");
  const std::string own = editor->Add("Equal", {code, codes->name()}, scope + "Equal");
  std::string cast = editor->Add("Cast", {own}, scope + "Cast");
  editor->SetInt("to", TensorProto::DOUBLE);
  return cast;
}

// Puts what encodes columns before the network and gives back the name of its input.
std::string WriteEncoding(const Encoding& encoding, TensorProto::DataType type,
                          GraphEditor* editor) {
  editor->graph()->clear_input();
  const std::vector<std::string> names = ColumnNames(encoding);
  std::vector<std::string> encoded;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto* const number = std::get_if<NumberEncoding>(&encoding.inputs[i].values);
    Describe(names[i], number != nullptr ? TensorProto::DOUBLE : TensorProto::STRING, 1,
             editor->graph()->add_input());
    encoded.push_back(number != nullptr
                          ? EncodeNumber(*number, names[i], editor)
                          : EncodeCategory(std::get<CategoryEncoding>(encoding.inputs[i].values),
                                           names[i], editor));
  }
  std::string row = editor->Add("Concat", encoded, "encoding/Concat");
  editor->SetInt("axis", 1);
  if (type == TensorProto::DOUBLE) return row;
  std::string cast = editor->Add("Cast", {row}, "encoding/Cast");
  editor->SetInt("to", type);
  return cast;
}

// A number in its own unit.
void WriteNumber(const Encoding& encoding, const Standardization& standardization,
                 const std::string& value, std::int64_t outputs, GraphEditor* editor) {
  const std::string& target = encoding.target.name;
  const std::string name = encoding.named && !target.empty() ? target : "prediction";
  const std::string wide = editor->Add("Cast", {value}, "decoding/Cast");
  editor->SetInt("to", TensorProto::DOUBLE);
  const std::string scale = editor->Doubles("decoding/scale", {}, {standardization.scale});
  const std::string mean = editor->Doubles("decoding/mean", {}, {standardization.mean});
  const std::string scaled = editor->Add("Mul", {wide, scale}, "decoding/Mul");
  editor->Add("Add", {scaled, mean}, "decoding/Add");
  editor->RenameOutput(name);
  Describe(name, TensorProto::DOUBLE, outputs, editor->graph()->add_output());
}

// Classes by their labels, with the probability of each.
void WriteClasses(const std::vector<std::string>& classes, const std::string& value,
                  TensorProto::DataType type, std::int64_t outputs, GraphEditor* editor) {
  if (outputs == 1) {
    TensorProto* const one = editor->Constant("decoding/one", type, {});
    if (type == TensorProto::DOUBLE) {
      one->add_double_data(1);
    } else {
      one->add_float_data(1);
    }
    const std::string rest = editor->Add("Sub", {one->name(), value}, "decoding/Sub");
    editor->Add("Concat", {rest, value}, "decoding/Concat");
    editor->SetInt("axis", 1);
  } else {
    editor->Add("Identity", {value}, "decoding/Identity");
  }
  editor->RenameOutput("probabilities");
  const std::string likeliest = editor->Add("ArgMax", {"probabilities"}, "decoding/ArgMax");
  editor->SetInt("axis", 1);
  editor->SetInt("keepdims", 0);
  TensorProto* const labels = editor->Constant("decoding/labels", TensorProto::STRING,
                                               {static_cast<std::int64_t>(classes.size())});
  for (const std::string& label : classes) labels->add_string_data(label);
  editor->Add("Gather", {labels->name(), likeliest}, "decoding/Gather");
  editor->RenameOutput("label");
  Describe("label", TensorProto::STRING, 0, editor->graph()->add_output());
  Describe("probabilities", type, static_cast<std::int64_t>(classes.size()),
           editor->graph()->add_output());
}

}  // namespace

absl::Status CheckPreprocessable(const Encoding& encoding) {
  for (const InputEncoding& input : encoding.inputs) {
    if (!std::holds_alternative<EmbeddedEncoding>(input.values)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("the column ", Shortened(input.name),
                     " is embedded: its texts are hashed (XXH64), for which ONNX has no operator; "
                     "export as safetensors, "
                     "or train a model without --embed ",
                     Shortened(input.name)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> WithPreprocessing(const std::string& onnx, const Encoding& encoding,
                                              const v1::NetworkSpec& network) {
  RETURN_IF_ERROR(CheckPreprocessable(encoding));
  onnx::ModelProto model;
  if (!model.ParseFromString(onnx) || model.graph().input_size() != 1 ||
      model.graph().output_size() != 1) {
    return NotAnExport();
  }
  onnx::GraphProto* const graph = model.mutable_graph();
  const onnx::TypeProto::Tensor input = graph->input(0).type().tensor_type();
  const onnx::TypeProto::Tensor output = graph->output(0).type().tensor_type();
  if (input.shape().dim_size() != 2 || output.shape().dim_size() != 2 ||
      input.shape().dim(1).dim_value() != encoding.features()) {
    return NotAnExport();
  }
  const auto type = static_cast<TensorProto::DataType>(input.elem_type());
  const std::int64_t outputs = output.shape().dim(1).dim_value();

  const std::string input_name = graph->input(0).name();
  const std::string value = absl::StrCat(kNetworkPrefix, graph->output(0).name());
  for (TensorProto& tensor : *graph->mutable_initializer()) {
    tensor.set_name(absl::StrCat(kNetworkPrefix, tensor.name()));
  }
  GraphEditor editor(graph);
  const std::string row = WriteEncoding(encoding, type, &editor);
  for (onnx::NodeProto& node : *graph->mutable_node()) {
    node.set_name(absl::StrCat(kNetworkPrefix, node.name()));
    for (std::string& name : *node.mutable_input()) {
      name = name == input_name ? row : absl::StrCat(kNetworkPrefix, name);
    }
    for (std::string& name : *node.mutable_output()) name = absl::StrCat(kNetworkPrefix, name);
  }
  editor.TakeNodes();
  graph->clear_output();
  if (const std::vector<std::string>* const classes = AnsweredClasses(encoding, network)) {
    WriteClasses(*classes, value, type, outputs, &editor);
  } else if (const auto* number = std::get_if<Standardization>(&encoding.target.values)) {
    WriteNumber(encoding, *number, value, outputs, &editor);
  } else {
    WriteNumber(encoding, {}, value, outputs, &editor);
  }
  editor.Finish();
  onnx::OperatorSetIdProto* const machine_learning = model.add_opset_import();
  machine_learning->set_domain("ai.onnx.ml");
  machine_learning->set_version(2);
  return model.SerializeAsString();
}

}  // namespace descent::cli
