// Random changes to an ONNX model that leave it one: bytes changed by chance are mostly no message.

#ifndef TESTS_FUZZ_MUTATE_ONNX_H_
#define TESTS_FUZZ_MUTATE_ONNX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "onnx/onnx_subset.pb.h"

namespace descent::testing {

class OnnxMutation {
 public:
  OnnxMutation(std::mt19937_64* random, onnx::ModelProto* model)
      : random_(random), graph_(model->mutable_graph()) {
    for (const auto& input : graph_->input()) values_.push_back(input.name());
    for (const auto& tensor : graph_->initializer()) values_.push_back(tensor.name());
    for (const auto& node : graph_->node()) {
      for (const std::string& output : node.output()) values_.push_back(output);
    }
  }

  // Changes one thing.
  void Apply() {
    switch (Below(8)) {
      case 0:
        if (auto* const node = AnyOf(graph_->mutable_node())) node->set_op_type(AnyOperator());
        break;
      case 1:
        if (auto* const node = AnyOf(graph_->mutable_node())) Rewire(node);
        break;
      case 2:
        Splice();
        break;
      case 3:
        if (graph_->node_size() > 0) {
          graph_->mutable_node()->DeleteSubrange(static_cast<int>(Below(graph_->node_size())), 1);
        }
        break;
      case 4:
        if (auto* const tensor = AnyOf(graph_->mutable_initializer())) ChangeTensor(tensor);
        break;
      case 5:
        if (auto* const node = AnyOf(graph_->mutable_node())) ChangeAttribute(node);
        break;
      case 6:
        if (auto* const output = AnyOf(graph_->mutable_output())) output->set_name(AnyValue());
        break;
      default:
        if (graph_->node_size() > 1) {
          graph_->mutable_node()->SwapElements(static_cast<int>(Below(graph_->node_size())),
                                               static_cast<int>(Below(graph_->node_size())));
        }
    }
  }

 private:
  template <typename Count>
  std::size_t Below(Count limit) {
    return static_cast<std::size_t>((*random_)() % static_cast<std::uint64_t>(limit));
  }
  template <typename Fields>
  typename Fields::value_type* AnyOf(Fields* fields) {
    return fields->empty() ? nullptr : fields->Mutable(static_cast<int>(Below(fields->size())));
  }
  std::string AnyValue() { return values_.empty() ? "" : values_[Below(values_.size())]; }

  std::string AnyOperator() {
    constexpr std::array kOperators = {"Add",        "Sub",
                                       "Mul",        "Div",
                                       "Pow",        "Min",
                                       "Max",        "Abs",
                                       "Neg",        "Sqrt",
                                       "Exp",        "Log",
                                       "Erf",        "Relu",
                                       "Sigmoid",    "Tanh",
                                       "Elu",        "Softmax",
                                       "Clip",       "Gemm",
                                       "MatMul",     "Where",
                                       "ReduceMean", "Dropout",
                                       "Concat",     "Gather",
                                       "Identity",   "Cast",
                                       "Flatten",    "Reshape",
                                       "Transpose",  "Squeeze",
                                       "Scaler",     "Unsqueeze",
                                       "LeakyRelu",  "Reciprocal",
                                       "ZipMap",     "LayerNormalization",
                                       "Slice",      "Split",
                                       "ReduceSum",  "Less",
                                       "Not"};
    return kOperators[Below(kOperators.size())];
  }

  std::int64_t AnyNumber() {
    constexpr std::array<std::int64_t, 8> kNumbers = {
        0, 1, -1, 2, 3, 13, std::int64_t{1} << 32, std::numeric_limits<std::int64_t>::min()};
    return kNumbers[Below(kNumbers.size())];
  }

  void Rewire(onnx::NodeProto* node) {
    if (node->input_size() == 0 || Below(4) == 0) {
      node->add_input(AnyValue());
    } else {
      node->set_input(static_cast<int>(Below(node->input_size())), AnyValue());
    }
  }

  // Puts a node of one or two inputs after another and before what reads it.
  void Splice() {
    if (graph_->node_size() == 0) return;
    const auto at = static_cast<int>(Below(graph_->node_size()));
    const std::string value = graph_->node(at).output_size() > 0 ? graph_->node(at).output(0) : "";
    const std::string name = "spliced" + std::to_string((*random_)());
    for (auto& node : *graph_->mutable_node()) {
      for (std::string& input : *node.mutable_input()) {
        if (input == value) input = name;
      }
    }
    for (auto& output : *graph_->mutable_output()) {
      if (output.name() == value) output.set_name(name);
    }
    onnx::NodeProto* const node = graph_->add_node();
    node->set_op_type(AnyOperator());
    node->add_input(value);
    if (Below(2) == 0) node->add_input(AnyValue());
    node->add_output(name);
    for (int i = graph_->node_size() - 1; i > at + 1; --i) {
      graph_->mutable_node()->SwapElements(i, i - 1);
    }
  }

  void ChangeTensor(onnx::TensorProto* tensor) {
    switch (Below(4)) {
      case 0:
        if (tensor->dims_size() > 0) {
          tensor->set_dims(static_cast<int>(Below(tensor->dims_size())), AnyNumber());
        }
        break;
      case 1:
        tensor->set_data_type(static_cast<std::int32_t>(Below(17)));
        break;
      case 2: {
        std::string* const bytes = tensor->mutable_raw_data();
        for (int i = 0; i < 4 && !bytes->empty(); ++i) {
          (*bytes)[Below(bytes->size())] = static_cast<char>((*random_)());
        }
        break;
      }
      default:
        if (tensor->dims_size() == 2) tensor->mutable_dims()->SwapElements(0, 1);
    }
  }

  void ChangeAttribute(onnx::NodeProto* node) {
    if (node->attribute_size() == 0) {
      constexpr std::array kNames = {"alpha",   "axis",   "perm", "axes",  "to",
                                     "epsilon", "transB", "ends", "split", "keepdims"};
      node->add_attribute()->set_name(kNames[Below(kNames.size())]);
    }
    onnx::AttributeProto* const attribute = AnyOf(node->mutable_attribute());
    attribute->set_i(AnyNumber());
    attribute->set_f(static_cast<float>(AnyNumber()) / 2);
    if (Below(3) == 0) attribute->add_ints(AnyNumber());
    if (Below(3) == 0) attribute->clear_type();
  }

  std::mt19937_64* const random_;
  onnx::GraphProto* const graph_;
  std::vector<std::string> values_;
};

}  // namespace descent::testing

#endif  // TESTS_FUZZ_MUTATE_ONNX_H_
