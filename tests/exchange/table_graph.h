// A graph with tables, to be changed and broken.

#ifndef TESTS_EXCHANGE_TABLE_GRAPH_H_
#define TESTS_EXCHANGE_TABLE_GRAPH_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "onnx/onnx_subset.pb.h"
#include "server/exchange/onnx/onnx_import.h"

namespace descent::exchange {

// Numbers of 2 features beside `user`, whose table has 3 rows of 2, and `item`, whose table has 2
// of 1; and a dense layer of one unit, without a bias, that reads all of them in this order.
class TableGraph {
 public:
  TableGraph() {
    model_.add_opset_import()->set_version(15);
    Input("x", onnx::TensorProto::FLOAT, {-1, 2});
    Input("user", onnx::TensorProto::INT64, {-1});
    Input("item", onnx::TensorProto::INT64, {-1});
    Numbers("users", {3, 2}, 100);
    Numbers("items", {2, 1}, 200);
    Numbers("w", {5, 1}, 1);
    AddNodes();
    graph().add_output()->set_name("y");
  }

  onnx::GraphProto& graph() { return *model_.mutable_graph(); }
  onnx::NodeProto& node(int i) { return *graph().mutable_node(i); }
  onnx::NodeProto& join() { return node(2); }

  // -1: any number of rows.
  void Input(const std::string& name, onnx::TensorProto::DataType type,
             const std::vector<std::int64_t>& dims) {
    onnx::ValueInfoProto* const input = graph().add_input();
    input->set_name(name);
    onnx::TypeProto::Tensor* const tensor = input->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    tensor->mutable_shape();
    for (const std::int64_t dim : dims) {
      auto* const added = tensor->mutable_shape()->add_dim();
      dim < 0 ? added->set_dim_param("n") : added->set_dim_value(dim);
    }
  }
  // Counting on from `first`.
  onnx::TensorProto* Numbers(const std::string& name, const std::vector<std::int64_t>& dims,
                             float first) {
    onnx::TensorProto* const tensor = graph().add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto::FLOAT);
    std::int64_t size = 1;
    for (const std::int64_t dim : dims) {
      tensor->add_dims(dim);
      size *= dim;
    }
    for (std::int64_t i = 0; i < size; ++i) tensor->add_float_data(first + static_cast<float>(i));
    return tensor;
  }
  void Integers(const std::string& name, const std::vector<std::int64_t>& values,
                bool is_scalar = false) {
    onnx::TensorProto* const tensor = graph().add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto::INT64);
    if (!is_scalar) tensor->add_dims(static_cast<std::int64_t>(values.size()));
    for (const std::int64_t value : values) tensor->add_int64_data(value);
  }
  // Of the last node, an attribute of integers.
  void Attribute(const std::string& name, const std::vector<std::int64_t>& values) {
    onnx::AttributeProto* const attribute =
        graph().mutable_node(graph().node_size() - 1)->add_attribute();
    attribute->set_name(name);
    for (const std::int64_t value : values) attribute->add_ints(value);
  }
  void Node(const std::string& op, const std::vector<std::string>& inputs,
            const std::string& output,
            const std::vector<std::pair<std::string, std::int64_t>>& attributes = {}) {
    onnx::NodeProto* const node = graph().add_node();
    node->set_op_type(op);
    node->set_name(output + "/node");
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output);
    for (const auto& [name, value] : attributes) {
      onnx::AttributeProto* const attribute = node->add_attribute();
      attribute->set_name(name);
      attribute->set_type(onnx::AttributeProto::INT);
      attribute->set_i(value);
    }
  }
  // All nodes, behind one that is new.
  void Rebuild(const std::string& op, const std::vector<std::string>& inputs,
               const std::string& output,
               const std::vector<std::pair<std::string, std::int64_t>>& attributes = {}) {
    graph().clear_node();
    Node(op, inputs, output, attributes);
    AddNodes();
  }
  void RenameInput(int i, const std::string& name) {
    const std::string before = graph().input(i).name();
    graph().mutable_input(i)->set_name(name);
    for (onnx::NodeProto& node : *graph().mutable_node()) {
      for (std::string& input : *node.mutable_input()) {
        if (input == before) input = name;
      }
    }
  }
  void Join(const std::vector<std::string>& parts) {
    join().clear_input();
    for (const std::string& part : parts) join().add_input(part);
  }
  void SetOperators(std::int64_t version) { model_.mutable_opset_import(0)->set_version(version); }
  onnx::TypeProto::Tensor* TypeOf(int input) {
    return graph().mutable_input(input)->mutable_type()->mutable_tensor_type();
  }

  absl::StatusOr<ImportedModel> Read(const OnnxHints& hints = {}) const {
    return ReadOnnx(model_.SerializeAsString(), hints);
  }

 private:
  void AddNodes() {
    Node("Gather", {"users", "user"}, "u");
    Node("Gather", {"items", "item"}, "i");
    Node("Concat", {"x", "u", "i"}, "joined", {{"axis", 1}});
    Node("MatMul", {"joined", "w"}, "y");
  }

  onnx::ModelProto model_;
};

// Numbers of 2 features beside columns 0 and 2 of `c`, ids of 3 columns, whose tables are those of
// `user` and `item` above, and the same layer. `pick` adds what makes "p0" and "p2" of `c`; behind
// those are Gathers, whose rows `rows` makes "u" and "i" of if it is there.
struct ColumnGraph : TableGraph {
  using Change = std::function<void(TableGraph*)>;
  explicit ColumnGraph(const Change& pick, const Change& rows = nullptr) {
    graph().mutable_input()->DeleteSubrange(1, 2);
    Input("c", onnx::TensorProto::INT64, {-1, 3});
    graph().clear_node();
    pick(this);
    Node("Gather", {"users", "p0"}, rows ? "u0" : "u");
    Node("Gather", {"items", "p2"}, rows ? "i0" : "i");
    if (rows) rows(this);
    Node("Concat", {"x", "u", "i"}, "joined", {{"axis", 1}});
    Node("MatMul", {"joined", "w"}, "y");
  }
};

// "2, user 3 by 2, item 2 by 1", with " meant" where rows of several ids are.
inline std::string InputsOf(const absl::StatusOr<ImportedModel>& model) {
  if (!model.ok()) return std::string(model.status().message());
  std::string text = absl::StrCat(model->network.input_features);
  for (const CategoricalInputSpec& input : model->network.categorical_inputs) {
    absl::StrAppend(&text, ", ", input.name, " ", input.buckets, " by ", input.dimension,
                    input.combiner == Combiner::kMean ? " meant" : "");
  }
  return text;
}

}  // namespace descent::exchange

#endif  // TESTS_EXCHANGE_TABLE_GRAPH_H_
