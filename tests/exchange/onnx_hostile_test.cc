// Files that were made to do harm, and files that are broken: each is refused, with the part of it
// that is at fault.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/layers/placed_layers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_subset.pb.h"
#include "server/exchange/onnx/onnx_import.h"
#include "tests/exchange/onnx_cases.h"
#include "tests/support/status_matchers.h"

namespace descent::exchange {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;

// A good model to break: 3 features, layers of 9, 4 and 2.
onnx::ModelProto GoodModel(const std::string& name = "activation.relu.float32") {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(OnnxOf(*TrainedOn(OnnxCases().at(name), 1))));
  return model;
}

absl::Status Refusal(const std::string& file) { return ReadOnnx(file, {}).status(); }

struct Broken {
  std::string name;
  std::function<void(onnx::ModelProto*)> change;
  const char* reason;
  const char* text;
};

onnx::TensorProto* FirstTensor(onnx::ModelProto* model) {
  return model->mutable_graph()->mutable_initializer(0);
}
onnx::NodeProto* FirstNode(onnx::ModelProto* model) {
  return model->mutable_graph()->mutable_node(0);
}
void SetDims(std::vector<std::int64_t> dims, onnx::ModelProto* model) {
  FirstTensor(model)->clear_dims();
  for (const std::int64_t dim : dims) FirstTensor(model)->add_dims(dim);
}

constexpr char kMalformed[] = "MALFORMED_FILE";
constexpr char kUnsupported[] = "UNSUPPORTED_FILE";
constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

std::vector<Broken> BrokenModels() {
  using Model = onnx::ModelProto;
  return {
      {"NoGraph", [](Model* m) { m->clear_graph(); }, kMalformed, "graph"},
      {"NoOperators", [](Model* m) { m->clear_opset_import(); }, kMalformed, "opset_import"},
      {"OldOperators", [](Model* m) { m->mutable_opset_import(0)->set_version(6); }, kMalformed,
       "got 6"},
      {"OperatorsOfANegativeVersion",
       [](Model* m) { m->mutable_opset_import(0)->set_version(-kHuge); }, kMalformed,
       "opset_import"},
      {"Functions", [](Model* m) { m->add_functions("f"); }, kMalformed, "functions"},
      {"SparseInitializer", [](Model* m) { m->mutable_graph()->add_sparse_initializer("s"); },
       kMalformed, "sparse"},
      {"ExternalData",
       [](Model* m) {
         auto* const entry = FirstTensor(m)->add_external_data();
         entry->set_key("location");
         entry->set_value("/etc/passwd");
         FirstTensor(m)->set_data_location(onnx::TensorProto::EXTERNAL);
         FirstTensor(m)->clear_raw_data();
       },
       kMalformed, "\"layers.0.weight\": its data are in another file"},
      {"ExternalDataOfAPathUpwards",
       [](Model* m) {
         auto* const entry = FirstTensor(m)->add_external_data();
         entry->set_key("location");
         entry->set_value("../../../../secret");
       },
       kMalformed, "in another file"},
      {"ExternalDataOfStrings",
       [](Model* m) {
         auto* const tensor = m->mutable_graph()->add_initializer();
         tensor->set_name("labels");
         tensor->set_data_type(onnx::TensorProto::STRING);
         tensor->set_data_location(onnx::TensorProto::EXTERNAL);
       },
       kMalformed, "\"labels\": its data are in another file"},
      {"APartOfATensor", [](Model* m) { FirstTensor(m)->set_segment(""); }, kMalformed, "part"},
      {"TooFewBytes", [](Model* m) { FirstTensor(m)->mutable_raw_data()->pop_back(); }, kMalformed,
       "expected 27 numbers of 4 bytes for shape [9, 3], got 107 bytes"},
      {"TooManyBytes", [](Model* m) { FirstTensor(m)->mutable_raw_data()->push_back('x'); },
       kMalformed, "got 109 bytes"},
      {"NoBytes", [](Model* m) { FirstTensor(m)->clear_raw_data(); }, kMalformed, "got 0 numbers"},
      {"NumbersOfAnotherType",
       [](Model* m) {
         FirstTensor(m)->clear_raw_data();
         for (int i = 0; i < 27; ++i) FirstTensor(m)->add_double_data(i);
       },
       kMalformed, "got 0 numbers"},
      {"HugeDimensions",
       [](Model* m) {
         SetDims({kHuge, 1}, m);
       },
       kMalformed, "no tensor of 2"},
      {"DimensionsThatOverflow",
       [](Model* m) {
         SetDims({std::int64_t{1} << 32, 1L << 32}, m);
       },
       kMalformed, "no tensor of 2"},
      {"DimensionsThatOverflowToTheirSize",
       [](Model* m) {
         SetDims({std::int64_t{1} << 62, 4, 27}, m);
       },
       kMalformed, "no tensor of 3"},
      {"ZeroBesideHugeDimensions",
       [](Model* m) {
         SetDims({kHuge, kHuge, 0}, m);
       },
       kMalformed, "no tensor"},
      {"NegativeDimensions",
       [](Model* m) {
         SetDims({-9, -3}, m);
       },
       kMalformed, "no tensor of 2"},
      {"TooManyDimensions", [](Model* m) { SetDims(std::vector<std::int64_t>(17, 1), m); },
       kMalformed, "no tensor of 17"},
      {"LargeDimensionsAndFewBytes",
       [](Model* m) {
         SetDims({1000000, 1000000}, m);
       },
       kMalformed, "expected 1000000000000 numbers"},
      {"NoNumbersAtAll",
       [](Model* m) {
         SetDims({0, 3}, m);
         FirstTensor(m)->set_raw_data("");
       },
       kUnsupported, "9"},
      {"Nan",
       [](Model* m) {
         const float nan = std::numeric_limits<float>::quiet_NaN();
         FirstTensor(m)->mutable_raw_data()->replace(
             8, 4, std::string(static_cast<const char*>(static_cast<const void*>(&nan)), 4));
       },
       "NON_FINITE_VALUE", "layers.0.kernel"},
      {"AnUnknownType", [](Model* m) { FirstTensor(m)->set_data_type(99); }, kUnsupported,
       "\"layers.0/Gemm\""},
      {"TwoInitializersOfOneName",
       [](Model* m) { *m->mutable_graph()->add_initializer() = *FirstTensor(m); }, kMalformed,
       "\"layers.0.weight\": another initialiser, input or node has this name"},
      {"AnInitializerWithoutAName", [](Model* m) { FirstTensor(m)->clear_name(); }, kMalformed,
       "no name"},
      {"TwoNodesOfOneOutput", [](Model* m) { *m->mutable_graph()->add_node() = *FirstNode(m); },
       kMalformed, "has this name already"},
      {"ANodeThatOverwritesTheInput", [](Model* m) { FirstNode(m)->set_output(0, "input"); },
       kMalformed, "\"input\": another"},
      {"ACycle",
       [](Model* m) {
         FirstNode(m)->set_input(0, m->graph().node(m->graph().node_size() - 1).output(0));
       },
       kMalformed, "which no initialiser, input or earlier node makes"},
      {"ACycleOfOne", [](Model* m) { FirstNode(m)->set_input(0, FirstNode(m)->output(0)); },
       kMalformed, "node 0"},
      {"AValueThatNobodyMakes", [](Model* m) { FirstNode(m)->set_input(1, "weights"); }, kMalformed,
       "\"weights\""},
      {"AnOutputThatNobodyMakes",
       [](Model* m) { m->mutable_graph()->mutable_output(0)->set_name("answer"); }, kMalformed,
       "\"answer\""},
      {"NoInput", [](Model* m) { m->mutable_graph()->clear_input(); }, kUnsupported, "got 0"},
      {"TwoInputs", [](Model* m) { m->mutable_graph()->add_input()->set_name("more"); },
       kUnsupported, "got 2"},
      {"TwoOutputs", [](Model* m) { m->mutable_graph()->add_output()->set_name("layers.0/Gemm"); },
       kUnsupported, "got 2: \"output\", \"layers.0/Gemm\""},
      {"AnInputOfOtherFeatures",
       [](Model* m) {
         m->mutable_graph()
             ->mutable_input(0)
             ->mutable_type()
             ->mutable_tensor_type()
             ->mutable_shape()
             ->mutable_dim(1)
             ->set_dim_value(4);
       },
       kMalformed, "has 4 features, but the first layer reads 3"},
      {"AnInputOfNegativeFeatures",
       [](Model* m) {
         m->mutable_graph()
             ->mutable_input(0)
             ->mutable_type()
             ->mutable_tensor_type()
             ->mutable_shape()
             ->mutable_dim(1)
             ->set_dim_value(-3);
       },
       kMalformed, "got -3"},
      {"AnInputThatIsASequence",
       [](Model* m) {
         m->mutable_graph()->mutable_input(0)->mutable_type()->set_sequence_type("");
       },
       kUnsupported, "graph.input"},
      {"AnUnknownOperator", [](Model* m) { FirstNode(m)->set_op_type("Conv"); }, kUnsupported,
       "operator \"Conv\", node 0 \"layers.0/Gemm\""},
      {"AnOperatorOfAnotherDomain", [](Model* m) { FirstNode(m)->set_domain("com.example"); },
       kUnsupported, "operator \"com.example.Gemm\""},
      {"ANodeOfNothing", [](Model* m) { FirstNode(m)->Clear(); }, kMalformed, "layers.0/Gemm"},
      {"ASubgraph",
       [](Model* m) {
         FirstNode(m)->set_op_type("If");
         auto* const branch = FirstNode(m)->add_attribute();
         branch->set_name("then_branch");
         branch->set_g(std::string(1000, '\x0a'));
       },
       kUnsupported, "operator \"If\""},
      {"AnUnknownAttribute", [](Model* m) { FirstNode(m)->add_attribute()->set_name("transC"); },
       kUnsupported, "attribute \"transC\""},
      {"AnAttributeOfAnotherType",
       [](Model* m) { FirstNode(m)->mutable_attribute(0)->set_type(onnx::AttributeProto::FLOAT); },
       kUnsupported, "attribute \"transB\""},
      {"AnAttributeOfAFunction",
       [](Model* m) { FirstNode(m)->mutable_attribute(0)->set_ref_attr_name("x"); }, kUnsupported,
       "attribute \"transB\""},
      {"WidthsThatDoNotFit",
       [](Model* m) { m->mutable_graph()->mutable_node(2)->set_input(1, "layers.0.weight"); },
       kUnsupported, "rows"},
      {"ABiasOfAnotherWidth", [](Model* m) { FirstNode(m)->set_input(2, "layers.1.bias"); },
       kUnsupported, "bias of 4"},
      {"AStepThatIsNoNumber",
       [](Model* m) {
         auto* const entry = m->add_metadata_props();
         entry->set_key("descent.step");
         entry->set_value("-1");
       },
       kMalformed, "descent.step"},
      {"ANameOfManyBytes",
       [](Model* m) {
         FirstNode(m)->set_op_type("Conv");
         FirstNode(m)->set_name("\xff\x01" + std::string(100000, 'n'));
       },
       kUnsupported, "\\377\\001nnn"},
  };
}

class OnnxHostileTest : public ::testing::TestWithParam<Broken> {};

TEST_P(OnnxHostileTest, IsRefusedByName) {
  onnx::ModelProto model = GoodModel();
  GetParam().change(&model);
  const absl::Status status = Refusal(model.SerializeAsString());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(GetErrorDetails(status).reason, GetParam().reason) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().text));
  EXPECT_LT(status.message().size(), 1000U);
}

INSTANTIATE_TEST_SUITE_P(Models, OnnxHostileTest, ::testing::ValuesIn(BrokenModels()),
                         [](const auto& of) { return of.param.name; });

TEST(OnnxHostileTest, TheModelThatIsBrokenIsGoodBefore) {
  EXPECT_THAT(ReadOnnx(GoodModel().SerializeAsString(), {}), IsOk());
}

TEST(OnnxHostileTest, AFileThatIsCutOffIsRefusedWherever) {
  onnx::ModelProto model = GoodModel();
  auto* const entry = model.add_metadata_props();
  entry->set_key("a key");
  entry->set_value("a value");
  const std::string file = model.SerializeAsString();
  // Metadata are the last of the file, and it is whole before each of them.
  const std::string without = GoodModel().SerializeAsString();
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_EQ(ReadOnnx(file.substr(0, size), {}).ok(), size == without.size()) << size;
    const auto metadata = ReadOnnxMetadata(file.substr(0, size));
    EXPECT_TRUE(!metadata.ok() || metadata->empty()) << size;
  }
  EXPECT_THAT(*ReadOnnxMetadata(file), ::testing::ElementsAre(::testing::Pair("a key", "a value")));
  EXPECT_THAT(ReadOnnx(file, {}), IsOk());
}

// A node takes two bytes as a message and more than a hundred as an object.
TEST(OnnxHostileTest, ManySmallPartsAreRefusedBeforeTheyAreObjects) {
  const auto of_parts = [](const std::string& part) {
    std::string graph;
    while (graph.size() < 4'000'000) graph += part;
    onnx::ModelProto model = GoodModel();
    // A second graph of the same field is merged into the first.
    std::string file = model.SerializeAsString();
    std::string length;
    for (std::size_t rest = graph.size(); rest > 0; rest >>= 7) {
      length += static_cast<char>((rest & 127) | (rest >> 7 > 0 ? 128 : 0));
    }
    return file + "\x3a" + length + graph;
  };
  for (const auto& [name, part] : std::map<std::string, std::string>{
           {"nodes", std::string("\x0a\x00", 2)},
           {"initializers", std::string("\x2a\x00", 2)},
           {"inputs", std::string("\x5a\x00", 2)},
           {"names of inputs", std::string("\x0a\x02\x0a\x00", 4)},
           {"attributes", std::string("\x0a\x02\x2a\x00", 4)},
           {"dimensions", std::string("\x2a\x04\x0a\x02\x01\x01", 6)},
           {"sparse initializers", std::string("\x7a\x00", 2)}}) {
    const absl::Status status = Refusal(of_parts(part));
    EXPECT_EQ(GetErrorDetails(status).reason, kMalformed) << name << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("small parts")) << name;
  }
}

// Nodes one after another, each of the value before it and an initialiser of zeros.
class Chain {
 public:
  Chain() {
    model_.add_opset_import()->set_version(13);
    model_.mutable_graph()->add_input()->set_name("v0");
  }

  void AddZeros(const std::string& name, const std::vector<std::int64_t>& dims) {
    onnx::TensorProto* const zeros = model_.mutable_graph()->add_initializer();
    zeros->set_name(name);
    zeros->set_data_type(onnx::TensorProto::FLOAT);
    std::size_t size = 4;
    for (const std::int64_t dim : dims) {
      zeros->add_dims(dim);
      size *= static_cast<std::size_t>(dim);
    }
    zeros->set_raw_data(std::string(size, '\0'));
  }

  void Add(const char* op, const char* initializer) {
    onnx::GraphProto* const graph = model_.mutable_graph();
    onnx::NodeProto* const node = graph->add_node();
    node->set_op_type(op);
    node->add_input(absl::StrCat("v", nodes_));
    node->add_input(initializer);
    node->add_output(absl::StrCat("v", ++nodes_));
    graph->clear_output();
    graph->add_output()->set_name(node->output(0));
  }

  std::string file() const { return model_.SerializeAsString(); }

 private:
  onnx::ModelProto model_;
  int nodes_ = 0;
};

TEST(OnnxHostileTest, LayersThatShareALargeInitializerAreRefused) {
  Chain chain;
  chain.AddZeros("w", {512, 512});
  for (int i = 0; i < 3; ++i) chain.Add("MatMul", "w");
  EXPECT_THAT(ReadOnnx(chain.file(), {}), IsOk());
  for (int i = 3; i < 10000; ++i) chain.Add("MatMul", "w");
  const absl::Status status = Refusal(chain.file());
  EXPECT_EQ(GetErrorDetails(status).reason, kMalformed);
  EXPECT_THAT(std::string(status.message()), HasSubstr("share initialisers"));
}

// A product that is scaled, again and again: each would be computed with.
TEST(OnnxHostileTest, LayersThatShareAndScaleALargeInitializerTakeNoLongTime) {
  Chain chain;
  chain.AddZeros("w", {512, 512});
  chain.AddZeros("scale", {512});
  for (int i = 0; i < 90000; ++i) {
    // So many scales that some are beside a product, and some beside scales alone.
    const bool is_product = i % 8 == 0;
    chain.Add(is_product ? "MatMul" : "Mul", is_product ? "w" : "scale");
    if (i == 4) {
      EXPECT_THAT(ReadOnnx(chain.file(), {}), IsOk());
    }
  }
  EXPECT_EQ(GetErrorDetails(Refusal(chain.file())).reason, kUnsupported);
}

TEST(OnnxHostileTest, ManyLayersThatScaleALongInitializerTakeLittleMemory) {
  Chain chain;
  chain.AddZeros("in", {1000000, 1});
  chain.AddZeros("out", {1, 1000000});
  chain.AddZeros("scale", {1});
  for (int i = 0; i < 10000; ++i) {
    chain.Add("MatMul", "in");
    chain.Add("Mul", "scale");
    chain.Add("MatMul", "out");
  }
  EXPECT_THAT(std::string(Refusal(chain.file()).message()), HasSubstr("share initialisers"));
}

TEST(OnnxHostileTest, EmptyInitializersOfAnyExtentsAreRefused) {
  for (const std::vector<std::int64_t>& dims :
       {std::vector{kHuge, std::int64_t{0}}, std::vector{std::int64_t{0}, kHuge}}) {
    Chain chain;
    chain.AddZeros("w", dims);
    chain.AddZeros("scale", {1});
    chain.Add("MatMul", "w");
    chain.Add("Mul", "scale");
    EXPECT_EQ(GetErrorDetails(Refusal(chain.file())).reason, kUnsupported);
  }
}

// x + f(x) with f one layer deeper each time.
onnx::ModelProto Nested(int depth) {
  onnx::ModelProto model = GoodModel("residual_of_norm.float32");
  onnx::GraphProto* const graph = model.mutable_graph();
  std::string value = graph->node(graph->node_size() - 1).output(0);
  const std::string first = value;
  for (int i = 0; i < depth; ++i) {
    onnx::NodeProto* const node = graph->add_node();
    node->set_op_type("Add");
    node->add_input(first);
    node->add_input(value);
    value = absl::StrCat("deeper", i);
    node->add_output(value);
  }
  graph->mutable_output(0)->set_name(value);
  return model;
}

TEST(OnnxHostileTest, ResidualsAreNestedAsDeepAsNetworksAre) {
  EXPECT_THAT(ReadOnnx(Nested(kMaxNesting).SerializeAsString(), {}), IsOk());
  const absl::Status status = Refusal(Nested(kMaxNesting + 1).SerializeAsString());
  EXPECT_THAT(std::string(status.message()), HasSubstr("nested deeper than 16"));
  EXPECT_FALSE(ReadOnnx(Nested(20000).SerializeAsString(), {}).ok());
}

// Ways that a search could go again and again: chains of what only moves numbers, of functions of
// each element, and of additions of a value to itself.
TEST(OnnxHostileTest, LongChainsTakeNoLongTime) {
  for (const char* const op :
       {"Identity", "Sigmoid", "Add", "Mul", "Max", "Reciprocal", "Scaler"}) {
    onnx::ModelProto model = GoodModel();
    onnx::GraphProto* const graph = model.mutable_graph();
    std::string value = graph->node(graph->node_size() - 1).output(0);
    for (int i = 0; i < 50000; ++i) {
      onnx::NodeProto* const node = graph->add_node();
      node->set_op_type(op);
      node->add_input(value);
      if (*op == 'A' || *op == 'M') node->add_input(value);
      value = absl::StrCat("more", i);
      node->add_output(value);
    }
    graph->mutable_output(0)->set_name(value);
    const auto read = ReadOnnx(model.SerializeAsString(), {});
    // x + x is what is left of a residual whose layers drop out.
    const bool is_network = std::string(op) == "Identity" || std::string(op) == "Add";
    EXPECT_EQ(read.ok(), is_network) << op << read.status();
  }
}

}  // namespace
}  // namespace descent::exchange
