// Files of others: which network each is taken for. What they predict is held to onnxruntime by
// onnx_interop_test.py.

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/activations/kinds.h"
#include "core/losses/kinds.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_subset.pb.h"
#include "server/exchange/onnx/onnx_import.h"
#include "tests/exchange/onnx_cases.h"
#include "tests/support/parameters.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace descent::exchange {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Pair;

std::string LayersText(const std::vector<LayerSpec>& layers);

std::string LayerText(const LayerSpec& layer) {
  if (const auto* const dense = std::get_if<DenseSpec>(&layer)) {
    ActivationSpec activation = dense->activation;
    std::string text =
        absl::StrCat(dense->units, " ", std::string(GetActivationInfo(activation).name));
    for (const double* parameter : testing::ParametersOf(&activation)) {
      absl::StrAppend(&text, " ", *parameter);
    }
    return text + (dense->omit_bias ? " without bias" : "");
  }
  if (const auto* const norm = std::get_if<LayerNormSpec>(&layer)) {
    return absl::StrCat("norm ", norm->epsilon, norm->omit_bias ? " without bias" : "");
  }
  if (const auto* const residual = std::get_if<ResidualSpec>(&layer)) {
    return absl::StrCat("[", LayersText(residual->layers), "]");
  }
  return "dropout";
}

std::string LayersText(const std::vector<LayerSpec>& layers) {
  return absl::StrJoin(layers, ", ", [](std::string* out, const LayerSpec& layer) {
    out->append(LayerText(layer));
  });
}

// "3 and user of 7 by 4", with " meant" where rows of several ids are.
std::string InputsText(const NetworkSpec& network) {
  std::vector<std::string> parts;
  if (network.input_features > 0) parts.push_back(absl::StrCat(network.input_features));
  for (const CategoricalInputSpec& input : network.categorical_inputs) {
    parts.push_back(absl::StrCat(input.name, " of ", input.buckets, " by ", input.dimension,
                                 input.combiner == Combiner::kMean ? " meant" : ""));
  }
  return absl::StrJoin(parts, " and ");
}

std::string TextOf(const NetworkSpec& network) {
  return absl::StrCat(InputsText(network), ": ", LayersText(network.layers), "; ",
                      std::string(GetLossInfo(network.loss).name));
}

std::string TextOf(const absl::StatusOr<ImportedModel>& model) {
  return model.ok() ? TextOf(model->network) : std::string(model.status().message());
}

// By the rest of the file's name, those of tests/exchange/data whose name begins so.
std::map<std::string, std::string> TextsOfFiles(const std::string& beginning) {
  std::map<std::string, std::string> texts;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(testing::SourceDir()) / "tests/exchange/data")) {
    const std::string name = entry.path().stem().string();
    if (!absl::StartsWith(name, beginning) || entry.path().extension() != ".onnx") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string file(std::istreambuf_iterator<char>(in), {});
    texts[name.substr(beginning.size())] = TextOf(ReadOnnx(file, {}));
  }
  return texts;
}

// Of the files of modules with tables. `loop`: what is at fault where an exporter writes loops.
std::map<std::string, std::string> TextsOfTables(const std::string& loop) {
  const std::string tables = "user of 7 by 3 and item of 5 by 2";
  const std::string layers = ": 5 relu, 1 identity; mean_squared_error";
  const std::string columns = "4 and x_cat_0 of 7 by 3 and x_cat_1 of 5 by 2 and x_cat_2 of 6 by 2";
  std::map<std::string, std::string> texts = {
      {"bag", absl::StrCat("file: operator ", loop, ": no layer does what this operator does")},
      {"columns_tabular", columns + ": 5 relu without bias, 1 identity; mean_squared_error"},
      {"several_kept", "4 and ids of 7 by 3" + layers},
      {"several_mean", "4 and ids of 7 by 3 meant" + layers},
      {"several_sum", "4 and ids of 7 by 3" + layers},
      {"table", "user of 7 by 3: 2 tanh; mean_squared_error"},
      {"tables_before", absl::StrCat("4 and ", tables, layers)},
      {"tables_behind", absl::StrCat("4 and ", tables, layers)},
      {"tables_none", tables + layers}};
  for (const char* const pick :
       {"index", "long", "negative", "slice", "split", "turned", "unbind"}) {
    texts[absl::StrCat("columns_", pick)] = columns + layers;
  }
  return texts;
}

TEST(OnnxForeignTest, FilesOfKerasAreTakenForTheirNetworks) {
  const std::string dense = ": 6 relu, 1 identity; mean_squared_error";
  EXPECT_THAT(
      TextsOfFiles("keras_"),
      ElementsAre(Pair("batch_norm_after", "4: 8 relu, 6 selu, 1 identity; mean_squared_error"),
                  Pair("batch_norm_before", "4: 8 relu, 6 tanh, 1 identity; mean_squared_error"),
                  Pair("classes", "4: 8 gelu, norm 0.001, 3 identity; softmax_cross_entropy"),
                  Pair("norm_of_nothing_learned",
                       "4: 8 silu, norm 0.001 without bias, 1 identity; mean_squared_error"),
                  Pair("residual", "4: 8 relu, [8 tanh], 1 identity; mean_squared_error"),
                  Pair("tables_columns", "4 and c_0 of 5 by 3 and c_1 of 6 by 2" + dense),
                  Pair("tables_joined", "4 and c_0 of 5 by 3 and c_1 of 6 by 2" + dense),
                  Pair("tables_mean", "4 and ids of 5 by 3 meant" + dense),
                  Pair("tables_of_floats", "4 and user of 5 by 3" + dense),
                  Pair("tables_one", "4 and user of 5 by 3 and item of 5 by 3" + dense),
                  Pair("tables_sum", "4 and ids of 5 by 3" + dense)));
}

TEST(OnnxForeignTest, FilesOfPyTorchsExporterAreTakenForTheirNetworks) {
  std::map<std::string, std::string> expected = {
      {"ELU", "elu 1"},
      {"ELU_half", "elu 0.5"},
      {"GELU", "gelu"},
      {"GELU_tanh", "gelu_tanh"},
      {"Hardsigmoid", "hard_sigmoid"},
      {"Hardswish", "hard_swish"},
      {"LeakyReLU", "leaky_relu 0.01"},
      {"LeakyReLU_0.3", "leaky_relu 0.3"},
      {"Mish", "mish"},
      {"ReLU", "relu"},
      {"ReLU6", "relu6"},
      {"SELU", "selu"},
      {"SiLU", "silu"},
      {"Sigmoid", "sigmoid"},
      {"Softplus", "softplus"},
      {"Softsign", "softsign"},
      {"Tanh", "tanh"},
  };
  for (auto& [name, text] : expected) {
    text = absl::StrCat("4: 5 ", text, ", 2 identity; mean_squared_error");
  }
  expected["binary"] = "4: 5 relu, 1 identity; binary_cross_entropy";
  expected["flatten"] = "4: 3 tanh, 1 identity; mean_squared_error";
  expected["no_bias"] =
      "4: 5 silu without bias, norm 1e-05, 1 identity without bias; mean_squared_error";
  expected["rates"] = "4: 5 hard_swish, 1 identity; mean_squared_error";
  expected["residual"] = "4: [norm 1e-05, 4 relu], 2 identity; softmax_cross_entropy";

  expected.merge(TextsOfTables("\"ConcatFromSequence\", node 19 \"n20\""));
  EXPECT_EQ(TextsOfFiles("dynamo_"), expected);
}

TEST(OnnxForeignTest, FilesOfPyTorchsOlderExporterAreTakenForTheirNetworks) {
  EXPECT_EQ(TextsOfFiles("torchscript_"), TextsOfTables("\"Loop\", node 27 \"/table/Loop\""));
}

// A graph of a dense layer of 3 inputs and 2 units, "z", and what is added to it.
class SmallGraph {
 public:
  explicit SmallGraph(bool with_bias = true) {
    model_.add_opset_import()->set_version(15);
    graph().add_input()->set_name("x");
    Numbers("w", {3, 2}, {1, 2, 3, 4, 5, 6});
    if (!with_bias) {
      Node("MatMul", {"x", "w"}, "z");
      return;
    }
    Numbers("b", {2}, {-1, 1});
    Node("MatMul", {"x", "w"}, "p");
    Node("Add", {"b", "p"}, "z");
  }

  onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  SmallGraph& Numbers(const std::string& name, const std::vector<std::int64_t>& dims,
                      const std::vector<float>& values) {
    onnx::TensorProto* const tensor = graph().add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t dim : dims) tensor->add_dims(dim);
    for (const float value : values) tensor->add_float_data(value);
    return *this;
  }
  SmallGraph& Number(const std::string& name, double value) {
    return Numbers(name, {}, {static_cast<float>(value)});
  }
  SmallGraph& Node(const std::string& op, const std::vector<std::string>& inputs,
                   const std::string& output) {
    onnx::NodeProto* const node = graph().add_node();
    node->set_op_type(op);
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output);
    return *this;
  }

  std::string Read(const std::string& output = "y", const OnnxHints& hints = {}) {
    graph().clear_output();
    graph().add_output()->set_name(output);
    return TextOf(ReadOnnx(model_.SerializeAsString(), hints));
  }

 private:
  onnx::ModelProto model_;
};

TEST(OnnxForeignTest, ActivationsAreKnownHoweverTheyAreWritten) {
  const auto dense = [](const std::string& activation) {
    return "3: 2 " + activation + "; mean_squared_error";
  };
  const auto relu6_of_3 = [] {
    return std::move(SmallGraph(false).Number("3", 3).Number("0", 0).Number("6", 6).Node(
        "Add", {"z", "3"}, "s"));
  };
  EXPECT_EQ(relu6_of_3()
                .Node("Max", {"s", "0"}, "m")
                .Node("Min", {"6", "m"}, "n")
                .Node("Div", {"n", "6"}, "y")
                .Read(),
            dense("hard_sigmoid without bias"));
  EXPECT_EQ(SmallGraph()
                .Number("1", 1)
                .Node("Exp", {"z"}, "e")
                .Node("Add", {"1", "e"}, "s")
                .Node("Log", {"s"}, "y")
                .Read(),
            dense("softplus"));
  EXPECT_EQ(SmallGraph()
                .Number("h", 0.5)
                .Number("1", 1)
                .Number("r", 0.70710678)
                .Node("Mul", {"r", "z"}, "q")
                .Node("Erf", {"q"}, "e")
                .Node("Add", {"1", "e"}, "s")
                .Node("Mul", {"s", "h"}, "t")
                .Node("Mul", {"t", "z"}, "y")
                .Read(),
            dense("gelu"));
  EXPECT_EQ(SmallGraph()
                .Number("0", 0)
                .Node("Greater", {"z", "0"}, "g")
                .Number("a", 0.25)
                .Node("Mul", {"a", "z"}, "l")
                .Node("Where", {"g", "z", "l"}, "y")
                .Read(),
            dense("leaky_relu 0.25"));
  EXPECT_EQ(SmallGraph()
                .Node("Neg", {"z"}, "n")
                .Node("Exp", {"n"}, "e")
                .Number("1", 1)
                .Node("Add", {"e", "1"}, "s")
                .Node("Reciprocal", {"s"}, "r")
                .Node("Mul", {"r", "z"}, "y")
                .Read(),
            dense("silu"));
  // What is close is not the same.
  EXPECT_THAT(SmallGraph()
                  .Number("c", 1.702)
                  .Node("Mul", {"c", "z"}, "q")
                  .Node("Sigmoid", {"q"}, "s")
                  .Node("Mul", {"s", "z"}, "y")
                  .Read(),
              HasSubstr("operator \"Mul\""));
}

TEST(OnnxForeignTest, TheEndOfAGraphDecidesTheLossUnlessItIsSaid) {
  const auto ending = [](const std::string& op, const std::optional<LossSpec>& loss) {
    return SmallGraph().Node(op, {"z"}, "y").Read("y", {.loss = loss});
  };
  EXPECT_EQ(ending("Identity", {}), "3: 2 identity; mean_squared_error");
  EXPECT_EQ(ending("Softmax", {}), "3: 2 identity; softmax_cross_entropy");
  EXPECT_EQ(ending("Sigmoid", {}), "3: 2 identity; binary_cross_entropy");
  EXPECT_EQ(ending("Exp", {}), "3: 2 identity; poisson");
  EXPECT_EQ(ending("Sigmoid", HuberLoss{}), "3: 2 sigmoid; huber");
  EXPECT_EQ(ending("Exp", MeanSquaredErrorLoss{}), "3: 2 exponential; mean_squared_error");
  EXPECT_EQ(ending("Identity", SoftmaxCrossEntropyLoss{}), "3: 2 identity; softmax_cross_entropy");
  EXPECT_EQ(ending("LogSoftmax", SoftmaxCrossEntropyLoss{}),
            "3: 2 identity; softmax_cross_entropy");
  EXPECT_THAT(ending("LogSoftmax", {}), HasSubstr("operator \"LogSoftmax\""));
  EXPECT_THAT(ending("Softmax", HuberLoss{}), HasSubstr("operator \"Softmax\""));
}

TEST(OnnxForeignTest, ANetworkThatIsGivenHasToBeTheGraphs) {
  NetworkSpec network;
  network.input_features = 3;
  network.layers = {DropoutSpec{0.5}, DenseSpec{.units = 2}};
  network.seed = 7;
  EXPECT_EQ(SmallGraph().Read("z", {.network = network}),
            "3: dropout, 2 identity; mean_squared_error");
  network.layers = {DenseSpec{.units = 2, .activation = ReluActivation{}}};
  EXPECT_THAT(SmallGraph().Read("z", {.network = network}), HasSubstr("something else"));
  // What the file says of itself does not have to be true.
  EXPECT_EQ(SmallGraph().Read("z", {.described = network}), "3: 2 identity; mean_squared_error");
}

TEST(OnnxForeignTest, LabelsAreLeftOutAndTheProbabilitiesTaken) {
  SmallGraph small;
  small.Node("Softmax", {"z"}, "q").Node("ArgMax", {"q"}, "label").Node("ZipMap", {"q"}, "y");
  small.graph().mutable_node(small.graph().node_size() - 1)->set_domain("ai.onnx.ml");
  small.graph().add_output()->set_name("label");
  const auto with_label = [&] {
    onnx::ModelProto model;
    model.add_opset_import()->set_version(15);
    *model.mutable_graph() = small.graph();
    model.mutable_graph()->add_output()->set_name("y");
    return TextOf(ReadOnnx(model.SerializeAsString(), {}));
  };
  EXPECT_THAT(with_label(), HasSubstr("expected one output"));
  small.graph().mutable_output(0)->mutable_type()->mutable_tensor_type()->set_elem_type(
      onnx::TensorProto::INT64);
  EXPECT_EQ(with_label(), "3: 2 identity; softmax_cross_entropy");
}

TEST(OnnxForeignTest, ScaledInputsAreNormalisedByStatisticsThatStay) {
  onnx::ModelProto model;
  model.add_opset_import()->set_version(15);
  SmallGraph small;
  small.Numbers("m", {1, 3}, {1, 2, 3}).Numbers("s", {3}, {2, 4, 8});
  onnx::GraphProto* const graph = model.mutable_graph();
  *graph = small.graph();
  graph->clear_node();
  const auto add = [&](const char* op, const std::vector<std::string>& inputs, const char* output) {
    onnx::NodeProto* const node = graph->add_node();
    node->set_op_type(op);
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output);
  };
  add("Sub", {"x", "m"}, "c");
  add("Div", {"c", "s"}, "n");
  add("MatMul", {"n", "w"}, "y");
  graph->add_output()->set_name("y");
  const auto read = ReadOnnx(model.SerializeAsString(), {});
  ASSERT_THAT(read, IsOk());
  ASSERT_TRUE(read->network.input_normalization.has_value());
  EXPECT_EQ(read->network.input_normalization->freeze_after_rows, 1);
  ASSERT_NE(read->statistics, nullptr);
  EXPECT_EQ(read->statistics->rows(), 1);
  for (std::int64_t i = 0; i < 3; ++i) {
    EXPECT_DOUBLE_EQ(read->statistics->Mean(i), static_cast<double>(i + 1));
    EXPECT_DOUBLE_EQ(read->statistics->Variance(i), std::ldexp(4, static_cast<int>(2 * i)));
  }
  // By numbers that are no deviations there is no normalisation.
  graph->mutable_initializer(graph->initializer_size() - 1)->set_float_data(1, -4);
  EXPECT_THAT(TextOf(ReadOnnx(model.SerializeAsString(), {})),
              HasSubstr("no means and deviations"));
}

TEST(OnnxForeignTest, BatchNormalizationOfInputsNormalisesThem) {
  onnx::ModelProto model;
  model.add_opset_import()->set_version(15);
  SmallGraph small;
  small.Numbers("gain", {3}, {2, 1, 4}).Numbers("bias", {3}, {4, 0, -8});
  small.Numbers("means", {3}, {1, 2, 3}).Numbers("variances", {3}, {3, 15, 63});
  onnx::GraphProto* const graph = model.mutable_graph();
  *graph = small.graph();
  graph->clear_node();
  onnx::NodeProto* const norm = graph->add_node();
  norm->set_op_type("BatchNormalization");
  for (const char* const input : {"x", "gain", "bias", "means", "variances"})
    norm->add_input(input);
  norm->add_output("n");
  norm->add_attribute()->set_name("epsilon");
  norm->mutable_attribute(0)->set_f(1);
  onnx::NodeProto* const product = graph->add_node();
  product->set_op_type("MatMul");
  for (const char* const input : {"n", "w"}) product->add_input(input);
  product->add_output("y");
  graph->add_output()->set_name("y");
  const auto read = ReadOnnx(model.SerializeAsString(), {});
  ASSERT_THAT(read, IsOk());
  // (x - 1) 2 / 2 + 4, (x - 2) / 4, (x - 3) 4 / 8 - 8.
  const std::vector<double> means = {-3, 2, 19};
  const std::vector<double> variances = {1, 16, 4};
  for (std::int64_t i = 0; i < 3; ++i) {
    EXPECT_DOUBLE_EQ(read->statistics->Mean(i), means[static_cast<std::size_t>(i)]);
    EXPECT_DOUBLE_EQ(read->statistics->Variance(i), variances[static_cast<std::size_t>(i)]);
  }
  graph->mutable_initializer(2)->set_float_data(0, -2);
  EXPECT_THAT(TextOf(ReadOnnx(model.SerializeAsString(), {})),
              HasSubstr("operator \"BatchNormalization\""));
  graph->mutable_initializer(2)->set_float_data(0, 2);
  norm->add_attribute()->set_name("training_mode");
  norm->mutable_attribute(1)->set_i(1);
  EXPECT_THAT(TextOf(ReadOnnx(model.SerializeAsString(), {})),
              HasSubstr("operator \"BatchNormalization\""));
}

TEST(OnnxForeignTest, AnActivationThatFollowsNoDenseLayerIsRefused) {
  SmallGraph small;
  small.Numbers("g", {2}, {1, 1}).Numbers("h", {2}, {0, 0});
  small.Node("LayerNormalization", {"z", "g", "h"}, "n").Node("Relu", {"n"}, "y");
  EXPECT_THAT(small.Read(), HasSubstr("follows no dense layer"));
  EXPECT_EQ(small.Read("n"), "3: 2 identity, norm 1e-05; mean_squared_error");
}

}  // namespace
}  // namespace descent::exchange
