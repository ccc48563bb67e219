// What encodes columns as a part of an ONNX graph: what the graph asks for and answers. That it
// computes what the command does is held to onnxruntime by tests/exchange/onnx_interop_test.py.

#include "client/cli/encoding/onnx_preprocessing.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_subset.pb.h"

namespace descent::cli {
namespace {

using ::testing::ElementsAre;

// A network of so many inputs and outputs that does nothing.
std::string Exported(std::int64_t inputs, std::int64_t outputs) {
  onnx::ModelProto model;
  const auto describe = [](const char* name, std::int64_t width, onnx::ValueInfoProto* value) {
    value->set_name(name);
    auto* const tensor = value->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(onnx::TensorProto::FLOAT);
    tensor->mutable_shape()->add_dim()->set_dim_param("batch");
    tensor->mutable_shape()->add_dim()->set_dim_value(width);
  };
  describe("input", inputs, model.mutable_graph()->add_input());
  describe("output", outputs, model.mutable_graph()->add_output());
  onnx::NodeProto* const node = model.mutable_graph()->add_node();
  node->set_name("layers.0/Gemm");
  node->set_op_type("Gemm");
  node->add_input("input");
  node->add_output("output");
  return model.SerializeAsString();
}

v1::NetworkSpec NetworkOf(std::int64_t outputs) {
  v1::NetworkSpec network;
  network.mutable_loss()->set_kind(v1::LOSS_KIND_MEAN_SQUARED_ERROR);
  network.add_layers()->mutable_dense()->set_units(outputs);
  return network;
}

template <typename Values>
std::vector<std::string> NamesOf(const Values& values) {
  std::vector<std::string> names;
  for (const auto& value : values) names.push_back(value.name());
  return names;
}

onnx::GraphProto Preprocessed(const Encoding& encoding, std::int64_t outputs) {
  const absl::StatusOr<std::string> file =
      WithPreprocessing(Exported(encoding.features(), outputs), encoding, NetworkOf(outputs));
  EXPECT_TRUE(file.ok());
  onnx::ModelProto model;
  EXPECT_TRUE(file.ok() && model.ParseFromString(*file));
  return model.graph();
}

TEST(OnnxPreprocessingTest, EachColumnIsAnInputOfItsOwnName) {
  Encoding encoding;
  encoding.inputs = {{"input", 0, NumberEncoding{{1, 2}, 3}},
                     {"layers.0/Gemm", 1, CategoryEncoding{{"a", "b"}}},
                     {"day", 2, NumberEncoding{{0, 1}, 0}, "", DatePart::kYearSin},
                     {"day", 2, NumberEncoding{{0, 1}, 0}, "", DatePart::kYearCos},
                     {"", 3, NumberEncoding{}},
                     {"input", 4, NumberEncoding{}}};
  encoding.target = {"price", 5, Standardization{1, 2}};
  const onnx::GraphProto graph = Preprocessed(encoding, 1);
  EXPECT_THAT(NamesOf(graph.input()), ElementsAre("input", "layers.0/Gemm", "day.year_sin",
                                                  "day.year_cos", "column 4", "input of field 5"));
  EXPECT_EQ(graph.input(0).type().tensor_type().elem_type(), onnx::TensorProto::DOUBLE);
  EXPECT_EQ(graph.input(1).type().tensor_type().elem_type(), onnx::TensorProto::STRING);
  EXPECT_THAT(NamesOf(graph.output()), ElementsAre("price"));
}

TEST(OnnxPreprocessingTest, ClassesAreAnsweredByLabelAndProbabilities) {
  Encoding encoding = PlainEncoding(2, 2, 2);
  const onnx::GraphProto graph = Preprocessed(encoding, 1);
  EXPECT_THAT(NamesOf(graph.output()), ElementsAre("label", "probabilities"));
  EXPECT_EQ(graph.output(1).type().tensor_type().shape().dim(1).dim_value(), 2);
  encoding = PlainEncoding(2, 0, 2);
  const onnx::GraphProto of_numbers = Preprocessed(encoding, 3);
  EXPECT_THAT(NamesOf(of_numbers.output()), ElementsAre("prediction"));
}

TEST(OnnxPreprocessingTest, NoMissingNumberIsReplacedWhereThereIsNothingToPutInItsPlace) {
  Encoding encoding;
  encoding.inputs = {{"a", 0, NumberEncoding{{0, 1}, std::nan("")}}};
  encoding.target = {"b", 1, Standardization{}};
  const onnx::GraphProto graph = Preprocessed(encoding, 1);
  for (const onnx::NodeProto& node : graph.node()) {
    EXPECT_NE(node.op_type(), "IsNaN");
  }
}

TEST(OnnxPreprocessingTest, WhatIsNoExportOfTheNetworkIsRefused) {
  const Encoding encoding = PlainEncoding(2, 0, 2);
  for (const std::string& file : {std::string("x"), std::string(), Exported(3, 1)}) {
    EXPECT_EQ(WithPreprocessing(file, encoding, NetworkOf(1)).status().code(),
              absl::StatusCode::kInternal);
  }
}

TEST(OnnxPreprocessingTest, RefusesColumnsThatAreEmbedded) {
  Encoding encoding;
  encoding.inputs = {{"a", 0, NumberEncoding{}}};
  encoding.target = {"y", 2, Standardization{}};
  EXPECT_TRUE(CheckPreprocessable(encoding).ok());
  encoding.inputs.push_back({"Shop", 1, EmbeddedEncoding{"shop", 8, 1024}});
  const absl::Status status = WithPreprocessing(Exported(1, 1), encoding, NetworkOf(1)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("the column Shop is embedded: its texts are hashed"));
}

}  // namespace
}  // namespace descent::cli
