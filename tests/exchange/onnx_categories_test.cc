// Categorical inputs in ONNX files of others: which tables and names they become.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_subset.pb.h"
#include "server/exchange/onnx/onnx_export.h"
#include "server/exchange/onnx/onnx_import.h"
#include "tests/exchange/onnx_cases.h"
#include "tests/exchange/table_graph.h"
#include "tests/support/status_matchers.h"

namespace descent::exchange {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr auto kInt64 = onnx::TensorProto::INT64;

std::vector<double> ParameterOf(const ImportedModel& model, const std::string& name) {
  const auto network = Network::Create(model.network);
  const int index = (*network)->layout().Find(name);
  const ParameterInfo& info = (*network)->layout().parameters()[static_cast<std::size_t>(index)];
  std::vector<double> values;
  for (std::int64_t i = 0; i < info.size; ++i) {
    values.push_back(model.parameters.At(info.offset + i));
  }
  return values;
}

TEST(OnnxCategoriesTest, TablesComeInTheOrderOfTheConcat) {
  TableGraph graph;
  auto read = graph.Read();
  ASSERT_EQ(InputsOf(read), "2, user 3 by 2, item 2 by 1");
  EXPECT_THAT(ParameterOf(*read, "embeddings.user"), ElementsAre(100, 101, 102, 103, 104, 105));
  EXPECT_THAT(ParameterOf(*read, "embeddings.item"), ElementsAre(200, 201));
  EXPECT_THAT(ParameterOf(*read, "layers.0.kernel"), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(read->network.categorical_inputs[0].hashing, Hashing::kNone);

  graph.Join({"x", "i", "u"});
  EXPECT_EQ(InputsOf(graph.Read()), "2, item 2 by 1, user 3 by 2");
}

TEST(OnnxCategoriesTest, WeightsOfNumbersThatAreNotFirstChangePlaces) {
  TableGraph graph;
  graph.Join({"i", "x", "u"});
  auto read = graph.Read();
  ASSERT_EQ(InputsOf(read), "2, item 2 by 1, user 3 by 2");
  EXPECT_THAT(ParameterOf(*read, "layers.0.kernel"), ElementsAre(2, 3, 1, 4, 5));
  graph.Join({"i", "u", "x"});
  read = graph.Read();
  ASSERT_EQ(InputsOf(read), "2, item 2 by 1, user 3 by 2");
  EXPECT_THAT(ParameterOf(*read, "layers.0.kernel"), ElementsAre(4, 5, 1, 2, 3));

  // Of a kernel that is turned, with two units.
  graph.Numbers("turned", {2, 5}, 0);
  graph.node(3).set_op_type("Gemm");
  graph.node(3).set_input(1, "turned");
  graph.node(3).add_attribute()->set_name("transB");
  graph.node(3).mutable_attribute(0)->set_i(1);
  read = graph.Read();
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(ParameterOf(*read, "layers.0.kernel"), ElementsAre(3, 8, 4, 9, 0, 5, 1, 6, 2, 7));

  // And where the numbers are scaled, and the layer's product too.
  graph.Numbers("scale", {2}, 2);
  graph.Node("Mul", {"y", "scale"}, "scaled");
  graph.graph().mutable_output(0)->set_name("scaled");
  read = graph.Read();
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(ParameterOf(*read, "layers.0.kernel"),
              ElementsAre(6, 24, 8, 27, 0, 15, 2, 18, 4, 21));
}

TEST(OnnxCategoriesTest, JoinsMayBeWithinJoins) {
  TableGraph graph;
  graph.graph().clear_node();
  graph.Node("Gather", {"users", "user"}, "u");
  graph.Node("Gather", {"items", "item"}, "i");
  graph.Node("Concat", {"i", "u"}, "tables", {{"axis", -1}});
  graph.Node("Concat", {"x", "tables"}, "joined", {{"axis", 1}});
  graph.Node("MatMul", {"joined", "w"}, "y");
  EXPECT_EQ(InputsOf(graph.Read()), "2, item 2 by 1, user 3 by 2");
}

TEST(OnnxCategoriesTest, ATableMayBeAlone) {
  TableGraph graph;
  graph.graph().clear_node();
  graph.graph().mutable_input()->DeleteSubrange(2, 1);
  graph.graph().mutable_input()->DeleteSubrange(0, 1);
  graph.Node("Gather", {"users", "user"}, "y");
  EXPECT_EQ(InputsOf(graph.Read()), "0, user 3 by 2");
  graph.Numbers("v", {2, 1}, 1);
  graph.Node("MatMul", {"y", "v"}, "z");
  graph.graph().mutable_output(0)->set_name("z");
  EXPECT_EQ(InputsOf(graph.Read()), "0, user 3 by 2");
}

TEST(OnnxCategoriesTest, IdsMayBeNarrowOrNotDeclared) {
  TableGraph graph;
  graph.TypeOf(1)->set_elem_type(onnx::TensorProto::INT32);
  EXPECT_EQ(InputsOf(graph.Read()), "2, user 3 by 2, item 2 by 1");
  graph.graph().mutable_input(1)->clear_type();
  EXPECT_EQ(InputsOf(graph.Read()), "2, user 3 by 2, item 2 by 1");
  // As exporters convert them.
  TableGraph converted;
  converted.Rebuild("Cast", {"user"}, "wide", {{"to", kInt64}});
  converted.node(1).set_input(1, "wide");
  EXPECT_EQ(InputsOf(converted.Read()), "2, user 3 by 2, item 2 by 1");
}

TEST(OnnxCategoriesTest, NamesBecomeSuchAsNetworksHave) {
  for (const auto& [name, expected] : std::vector<std::pair<std::string, std::string>>{
           {"user", "user"},
           {"User-ID:0", "user_id_0"},
           {"onnx::Gather_0", "onnx__gather_0"},
           {"7", "category_7"},
           {"_x", "category__x"},
           {"inputs", "category_inputs"},
           {"outputs", "category_outputs"},
           {"input", "input"},
           {"\xc3\xbc"
            "ser",
            "category___ser"},
           {std::string(100, 'u'), std::string(63, 'u')},
           {std::string(100, '_'), absl::StrCat("category_", std::string(54, '_'))}}) {
    TableGraph graph;
    graph.RenameInput(1, name);
    EXPECT_EQ(InputsOf(graph.Read()), absl::StrCat("2, ", expected, " 3 by 2, item 2 by 1"));
  }
}

TEST(OnnxCategoriesTest, ANetworkThatIsGivenHasTheSameTables) {
  NetworkSpec network;
  network.input_features = 2;
  network.layers = {DenseSpec{.units = 1, .omit_bias = true}};
  network.categorical_inputs = {
      {.name = "user", .buckets = 3, .dimension = 2, .combiner = Combiner::kMean},
      {.name = "item", .buckets = 2, .dimension = 1}};
  auto read = TableGraph().Read({.network = network});
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->network.categorical_inputs[0].combiner, Combiner::kMean);
  for (const auto& change : std::vector<std::function<void(NetworkSpec*)>>{
           [](NetworkSpec* n) { std::swap(n->categorical_inputs[0], n->categorical_inputs[1]); },
           [](NetworkSpec* n) { n->categorical_inputs[0].name = "customer"; },
           [](NetworkSpec* n) { n->categorical_inputs[0].buckets = 4; },
           [](NetworkSpec* n) { n->categorical_inputs[0].hashing = Hashing::kXxh64; },
           [](NetworkSpec* n) { n->categorical_inputs.pop_back(); }}) {
    NetworkSpec other = network;
    change(&other);
    EXPECT_THAT(InputsOf(TableGraph().Read({.network = other})), HasSubstr("something else"));
    // What the file says of itself does not have to be true.
    EXPECT_EQ(InputsOf(TableGraph().Read({.described = other})), "2, user 3 by 2, item 2 by 1");
  }
}

TEST(OnnxCategoriesTest, HashedIdsHaveNoPlaceInAGraph) {
  TrainedCase of = OnnxCases().at("categories.two.float32");
  of.network.categorical_inputs[1].hashing = Hashing::kXxh64;
  const auto trainer = TrainedOn(of, 1);
  const TrainerState state = trainer->GetState();
  const absl::Status status = WriteOnnx({.network = trainer->network(),
                                         .optimizer = trainer->optimizer_spec(),
                                         .state = state,
                                         .metadata = {}})
                                  .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetErrorDetails(status).reason, "NOT_IN_FORMAT");
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"item\" hashes"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("safetensors"));
}

}  // namespace
}  // namespace descent::exchange
