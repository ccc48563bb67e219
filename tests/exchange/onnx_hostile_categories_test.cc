// Files with tables that were made to do harm, or are broken: each is refused by the node or input
// that is at fault.

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_subset.pb.h"
#include "server/exchange/onnx/onnx_import.h"
#include "tests/exchange/table_graph.h"

namespace descent::exchange {
namespace {

using ::testing::HasSubstr;

constexpr char kMalformed[] = "MALFORMED_FILE";
constexpr char kUnsupported[] = "UNSUPPORTED_FILE";
constexpr auto kFloat = onnx::TensorProto::FLOAT;
constexpr auto kInt64 = onnx::TensorProto::INT64;

struct BrokenTables {
  std::string name;
  std::function<void(TableGraph*)> change;
  const char* reason;
  const char* text;
};

std::vector<BrokenTables> BrokenGraphs() {
  using Graph = TableGraph;
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
  const auto set_dims = [](Graph* g, const std::vector<std::int64_t>& dims) {
    onnx::TensorProto* const table = g->graph().mutable_initializer(0);
    table->clear_dims();
    for (const std::int64_t dim : dims) table->add_dims(dim);
  };
  const auto deeper = [](Graph* g, const std::vector<std::string>& parts, int depth) {
    g->graph().clear_node();
    g->Node("Gather", {"users", "user"}, "u");
    g->Node("Gather", {"items", "item"}, "i");
    g->Node("Concat", parts, "c0", {{"axis", 1}});
    for (int k = 0; k < depth; ++k) {
      const std::string before = absl::StrCat("c", k);
      g->Node("Concat", {before, before}, absl::StrCat("c", k + 1), {{"axis", 1}});
    }
    g->Node("MatMul", {absl::StrCat("c", depth), "w"}, "y");
  };
  return {
      {"IndicesThatAreAConstant",
       [](Graph* g) {
         onnx::TensorProto* const ids = g->graph().add_initializer();
         ids->set_name("ids");
         ids->set_data_type(kInt64);
         ids->add_dims(1);
         ids->add_int64_data(0);
         g->node(0).set_input(1, "ids");
       },
       kUnsupported, "operator \"Gather\", node 0 \"u/node\": what is looked up"},
      {"IndicesThatAreComputed",
       [](Graph* g) {
         g->Rebuild("Abs", {"user"}, "positive");
         g->node(1).set_input(1, "positive");
       },
       kUnsupported,
       "operator \"Abs\", node 0 \"positive/node\": is no way from an input to a table"},
      {"IndicesThatAreNumbers", [](Graph* g) { g->TypeOf(1)->set_elem_type(kFloat); }, kMalformed,
       "graph.input \"user\": is looked up in a table: expected INT64 or INT32"},
      {"IdsOfASequence",
       [](Graph* g) { g->graph().mutable_input(1)->mutable_type()->set_sequence_type(""); },
       kUnsupported, "graph.input \"user\": expected a tensor"},
      {"SeveralIdsARow",
       [](Graph* g) { g->TypeOf(1)->mutable_shape()->add_dim()->set_dim_value(2); }, kUnsupported,
       "node 0 \"u/node\": looks up several ids a row of \"user\""},
      {"SomeIdsARow",
       [](Graph* g) { g->TypeOf(1)->mutable_shape()->add_dim()->set_dim_param("m"); }, kUnsupported,
       "node 0 \"u/node\": looks up several ids a row of \"user\""},
      {"OneIdOfAllRows", [](Graph* g) { g->TypeOf(1)->mutable_shape()->clear_dim(); }, kUnsupported,
       "\"user\": expected ids in a shape of [batch] or [batch, columns]"},
      {"LookedUpByColumns",
       [](Graph* g) {
         g->node(0).add_attribute()->set_name("axis");
         g->node(0).mutable_attribute(0)->set_i(1);
       },
       kUnsupported, "node 0 \"u/node\": rows of a table are looked up: expected axis 0"},
      {"ATableOfRankOne", [=](Graph* g) { set_dims(g, {6}); }, kUnsupported,
       "node 0 \"u/node\": a table is a constant matrix"},
      {"ATableOfRankThree",
       [=](Graph* g) {
         set_dims(g, {3, 2, 1});
       },
       kUnsupported, "node 0 \"u/node\": a table is a constant matrix"},
      {"ATableOfHugeDims",
       [=](Graph* g) {
         set_dims(g, {kHuge, 2});
       },
       kMalformed, "initializer \"users\""},
      {"ATableOfMoreThanThereIs",
       [=](Graph* g) {
         set_dims(g, {2147483647, 2});
       },
       kMalformed, "expected 4294967294 numbers"},
      {"ATableWithoutRows",
       [=](Graph* g) {
         set_dims(g, {0, 2});
         g->graph().mutable_initializer(0)->clear_float_data();
       },
       kUnsupported, "a table is a constant matrix"},
      {"ATableOfIntegers",
       [](Graph* g) {
         onnx::TensorProto* const table = g->graph().mutable_initializer(0);
         table->clear_float_data();
         table->set_data_type(kInt64);
         for (int i = 0; i < 6; ++i) table->add_int64_data(i);
       },
       kUnsupported, "a table is a constant matrix of floating-point numbers"},
      {"ATableOfAnotherType",
       [](Graph* g) {
         onnx::TensorProto* const table = g->graph().mutable_initializer(0);
         table->clear_float_data();
         table->set_data_type(onnx::TensorProto::DOUBLE);
         for (int i = 0; i < 6; ++i) table->add_double_data(i);
       },
       kUnsupported, "parameters of one type"},
      {"ATableThatIsNotFinite",
       [](Graph* g) {
         g->graph().mutable_initializer(0)->set_float_data(0,
                                                           std::numeric_limits<float>::infinity());
       },
       "NON_FINITE_VALUE", "embeddings.user"},
      {"ATableThatIsComputed",
       [](Graph* g) {
         g->node(0).set_input(0, "x");
         g->node(0).set_input(1, "user");
       },
       kUnsupported, "a table is a constant matrix"},
      {"ATableOfTwoInputs", [](Graph* g) { g->node(1).set_input(0, "users"); }, kUnsupported,
       "node 1 \"i/node\": looks up in \"users\" a second time"},
      {"ATableOfTwoInputsByAnotherName",
       [](Graph* g) {
         g->Rebuild("Identity", {"users"}, "same");
         g->node(2).set_input(0, "same");
       },
       kUnsupported, "looks up in \"users\" a second time"},
      {"AnInputOfTwoTables", [](Graph* g) { g->node(1).set_input(1, "user"); }, kUnsupported,
       "node 1 \"i/node\": looks up \"user\" a second time"},
      {"ABlockTwice",
       [](Graph* g) {
         g->Join({"x", "u", "u"});
       },
       kUnsupported, "looks up \"user\" a second time"},
      {"NumbersTwice",
       [](Graph* g) {
         g->Join({"x", "u", "i", "x"});
       },
       kUnsupported, "operator \"Concat\", node 2 \"joined/node\": joins \"x\""},
      {"RowsBelowRows", [](Graph* g) { g->join().mutable_attribute(0)->set_i(0); }, kUnsupported,
       "node 2 \"joined/node\": columns are put side by side: expected axis 1"},
      {"NoAxis", [](Graph* g) { g->join().clear_attribute(); }, kUnsupported, "expected axis 1"},
      {"NothingJoined", [](Graph* g) { g->Join({}); }, kUnsupported, "joins nothing"},
      {"AMissingPart",
       [](Graph* g) {
         g->Join({"x", "", "u", "i"});
       },
       kUnsupported, "node 2 \"joined/node\": joins \"\""},
      {"IdsThatAreJoined",
       [](Graph* g) {
         g->Join({"x", "u", "i", "user"});
       },
       kUnsupported, "joins \"user\""},
      {"AnOperatorBesideTables",
       [](Graph* g) {
         g->node(1).set_op_type("Sin");
         g->node(1).mutable_input()->DeleteSubrange(0, 1);
       },
       kUnsupported, "operator \"Sin\", node 1"},
      {"AnInputThatNothingReads",
       [](Graph* g) {
         g->Join({"x", "u"});
       },
       kUnsupported, "graph.input \"item\": the first layer reads neither it"},
      {"NumbersThatNothingReads",
       [](Graph* g) {
         g->Join({"u", "i"});
       },
       kUnsupported, "graph.input \"x\": the first layer reads neither it"},
      {"WidthsThatDoNotFit",
       [](Graph* g) { g->TypeOf(0)->mutable_shape()->mutable_dim(1)->set_dim_value(3); },
       kMalformed, "has 3 features, but the first layer reads 2"},
      {"TablesWiderThanTheLayer",
       [](Graph* g) {
         onnx::TensorProto* const kernel = g->graph().mutable_initializer(2);
         kernel->set_dims(0, 3);
         kernel->mutable_float_data()->Truncate(3);
       },
       kMalformed, "tables have rows of 3 together, but the first layer reads 3"},
      {"NumbersBehindTablesBeforeANorm",
       [](Graph* g) {
         g->Join({"u", "x", "i"});
         g->Numbers("gain", {5}, 1);
         g->node(3).set_op_type("LayerNormalization");
         g->node(3).set_input(1, "gain");
       },
       kUnsupported, "node 2 \"joined/node\": joins rows of tables and then the numeric input"},
      {"ACycle",
       [](Graph* g) {
         g->Join({"x", "u", "y"});
       },
       kMalformed, "node 2 \"joined/node\": reads \"y\""},
      {"NamesThatBecomeOne",
       [](Graph* g) {
         g->RenameInput(1, "ITEM");
         g->RenameInput(2, "item");
       },
       kUnsupported, "graph.input \"item\": would be called item"},
      {"JoinsThatDouble",
       [=](Graph* g) {
         deeper(g, {"x", "u", "i"}, 60);
       },
       kUnsupported, "joins \"x\""},
      {"TablesThatDouble",
       [=](Graph* g) {
         deeper(g, {"u", "i"}, 60);
       },
       kUnsupported, "a second time"},
  };
}

class BrokenTableGraphTest : public ::testing::TestWithParam<BrokenTables> {};

TEST_P(BrokenTableGraphTest, AreRefusedByName) {
  TableGraph graph;
  GetParam().change(&graph);
  const absl::Status status = graph.Read().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(GetErrorDetails(status).reason, GetParam().reason) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().text));
  EXPECT_LT(status.message().size(), 1000U);
}

INSTANTIATE_TEST_SUITE_P(Graphs, BrokenTableGraphTest, ::testing::ValuesIn(BrokenGraphs()),
                         [](const auto& of) { return of.param.name; });

// A million parts, by names that are no small parts of the file.
TEST(HostileTablesTest, AJoinOfAMillionPartsIsRefused) {
  TableGraph graph;
  graph.RenameInput(0, "numbers");
  graph.Join(std::vector<std::string>(1'000'000, "numbers"));
  const absl::Status status = graph.Read().status();
  EXPECT_EQ(GetErrorDetails(status).reason, kUnsupported);
  EXPECT_THAT(std::string(status.message()), HasSubstr("joins more than 1025 parts"));
}

// Of one part each, one after the other.
TEST(HostileTablesTest, ALongChainOfJoinsTakesNoLongTime) {
  TableGraph graph;
  graph.graph().mutable_node()->RemoveLast();
  std::string value = "joined";
  for (int i = 0; i < 90'000; ++i) {
    graph.Node("Concat", {value}, absl::StrCat("more", i), {{"axis", 1}});
    value = absl::StrCat("more", i);
  }
  graph.Node("MatMul", {value, "w"}, "y");
  EXPECT_EQ(InputsOf(graph.Read()), "2, user 3 by 2, item 2 by 1");
}

TEST(HostileTablesTest, ThereAreAsManyTablesAsNetworksHave) {
  for (const int tables : {1024, 1025}) {
    TableGraph graph;
    graph.graph().Clear();
    std::vector<std::string> blocks;
    for (int i = 0; i < tables; ++i) {
      graph.Input(absl::StrCat("c", i), kInt64, {-1});
      graph.Numbers(absl::StrCat("t", i), {4, 4}, 0);
      graph.Node("Gather", {absl::StrCat("t", i), absl::StrCat("c", i)}, absl::StrCat("b", i));
      blocks.push_back(absl::StrCat("b", i));
    }
    graph.Node("Concat", blocks, "y", {{"axis", 1}});
    graph.graph().add_output()->set_name("y");
    EXPECT_EQ(graph.Read().ok(), tables <= 1024) << graph.Read().status();
  }
}

}  // namespace
}  // namespace descent::exchange
