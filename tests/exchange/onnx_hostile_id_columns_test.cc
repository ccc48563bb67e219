// Files that pick columns of ids and were made to do harm, or are broken: each is refused by the
// node or input that is at fault, and soon.

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
#include "tests/exchange/table_graph.h"

namespace descent::exchange {
namespace {

using ::testing::HasSubstr;

constexpr char kMalformed[] = "MALFORMED_FILE";
constexpr char kUnsupported[] = "UNSUPPORTED_FILE";
constexpr auto kInt64 = onnx::TensorProto::INT64;
constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

using Graph = TableGraph;

void PickByGather(Graph* g) {
  g->Integers("first", {0}, true);
  g->Integers("last", {2}, true);
  g->Node("Gather", {"c", "first"}, "p0", {{"axis", 1}});
  g->Node("Gather", {"c", "last"}, "p2", {{"axis", 1}});
}

struct BrokenColumns {
  std::string name;
  std::function<void(Graph*)> pick;
  std::function<void(Graph*)> rows;
  const char* reason;
  const char* text;
};

std::vector<BrokenColumns> BrokenPicks() {
  // "p0" by another node, and "p2" as ever.
  const auto instead = [](const std::function<void(Graph*)>& pick) {
    return [pick](Graph* g) {
      PickByGather(g);
      g->node(0).set_output(0, "unread");
      pick(g);
    };
  };
  const auto gather = [=](std::int64_t column, std::int64_t axis = 1) {
    return instead([=](Graph* g) {
      g->Integers("column", {column}, true);
      g->Node("Gather", {"c", "column"}, "p0", {{"axis", axis}});
    });
  };
  const auto slice = [=](const std::vector<std::vector<std::int64_t>>& settings) {
    return instead([=](Graph* g) {
      std::vector<std::string> inputs = {"c"};
      for (const auto& each : settings) {
        inputs.push_back(absl::StrCat("setting", inputs.size()));
        g->Integers(inputs.back(), each);
      }
      g->Node("Slice", inputs, "p0");
    });
  };
  const auto moved = [=](const std::string& op, const std::vector<std::int64_t>& setting) {
    return instead([=](Graph* g) {
      g->Integers("setting", setting);
      g->Node(op, {"c", "setting"}, "p0");
    });
  };
  const auto columns = [=](std::int64_t count) {
    return [=](Graph* g) {
      g->TypeOf(1)->mutable_shape()->mutable_dim(1)->set_dim_value(count);
      PickByGather(g);
    };
  };
  const auto with_column = [](const std::function<void(Graph*)>& rows) {
    return [=](Graph* g) {
      g->Node("Identity", {"i0"}, "i");
      rows(g);
    };
  };
  const auto one = slice({{0}, {1}, {1}});
  const auto two = slice({{0}, {2}, {1}});
  static constexpr char kNoPick[] = "\"p0/node\": picks no columns of ids";
  static constexpr char kNoMove[] = "\"p0/node\": moves ids elsewhere";
  static constexpr char kShape[] = "makes rows of tables in another shape";
  return {
      {"AColumnThatIsNotThere", gather(3), nullptr, kUnsupported, kNoPick},
      {"AColumnBeforeTheFirst", gather(-4), nullptr, kUnsupported, kNoPick},
      {"AHugeColumn", gather(kHuge), nullptr, kUnsupported, kNoPick},
      {"ARow", gather(0, 0), nullptr, kUnsupported, kNoPick},
      {"AnAxisThatIsNotThere", gather(0, kHuge), nullptr, kUnsupported, kNoPick},
      {"AColumnTwice", gather(2), nullptr, kUnsupported, "looks up column 2 of \"c\""},
      {"AColumnThatIsComputed", instead([](Graph* g) {
         g->Node("Abs", {"first"}, "computed");
         g->Node("Gather", {"c", "computed"}, "p0", {{"axis", 1}});
       }),
       nullptr, kUnsupported, kNoPick},
      {"AColumnByFloats", instead([](Graph* g) {
         g->Numbers("zero", {}, 0);
         g->Node("Gather", {"c", "zero"}, "p0", {{"axis", 1}});
       }),
       nullptr, kUnsupported, kNoPick},
      {"NegativeColumnsOfAnyNumber",
       [=](Graph* g) {
         g->TypeOf(1)->mutable_shape()->mutable_dim(1)->set_dim_param("m");
         gather(-1)(g);
       },
       nullptr, kUnsupported, kNoPick},
      {"SeveralColumnsAtOnce", instead([](Graph* g) {
         g->Integers("columns", {0, 1});
         g->Node("Gather", {"c", "columns"}, "p0", {{"axis", 1}});
       }),
       nullptr, kUnsupported, kNoPick},
      {"AColumnOfAColumn", instead([](Graph* g) {
         g->Node("Gather", {"unread", "first"}, "p0", {{"axis", 1}});
       }),
       nullptr, kUnsupported, kNoPick},
      {"ASliceInSteps", slice({{0}, {1}, {1}, {2}}), nullptr, kUnsupported, kNoPick},
      {"ASliceBackwards", slice({{0}, {1}, {1}, {-1}}), nullptr, kUnsupported, kNoPick},
      {"ASliceOfNothing", slice({{2}, {1}, {1}}), nullptr, kUnsupported, kNoPick},
      {"ASliceOfRows", slice({{0}, {1}, {0}}), nullptr, kUnsupported, kNoPick},
      {"ASliceWithoutAxes", slice({{0}, {1}}), nullptr, kUnsupported, kNoPick},
      {"ASliceOfOneAxisTwice", slice({{0, 0}, {1, 1}, {1, -1}}), nullptr, kUnsupported, kNoPick},
      {"ASliceOfThreeAxes", slice({{0, 0, 0}, {1, 1, 1}, {0, 1, 2}}), nullptr, kUnsupported,
       kNoPick},
      {"ASliceOfOtherCounts", slice({{0}, {1, 1}, {1}}), nullptr, kUnsupported, kNoPick},
      {"ASliceWithoutEnds", slice({{0}}), nullptr, kUnsupported, kNoPick},
      {"ASplitOfOtherSizes", instead([](Graph* g) {
         g->Integers("sizes", {1, 3});
         g->Node("Split", {"c", "sizes"}, "p0", {{"axis", 1}});
         g->node(2).add_output("rest");
       }),
       nullptr, kUnsupported, kNoPick},
      {"ASplitOfNegativeSizes", instead([](Graph* g) {
         g->Integers("sizes", {4, -1});
         g->Node("Split", {"c", "sizes"}, "p0", {{"axis", 1}});
         g->node(2).add_output("rest");
       }),
       nullptr, kUnsupported, kNoPick},
      {"ASplitOfRows", instead([](Graph* g) {
         g->Node("Split", {"c"}, "p0");
         g->node(2).add_output("rest");
       }),
       nullptr, kUnsupported, kNoPick},
      {"ASplitOfMoreParts", instead([](Graph* g) {
         g->Node("Split", {"c"}, "p0", {{"axis", 1}, {"num_outputs", 3}});
       }),
       nullptr, kUnsupported, kNoPick},
      {"AllIdsBelowEachOther", moved("Reshape", {-1}), nullptr, kUnsupported, kNoMove},
      {"OtherRows", moved("Reshape", {-1, 1}), nullptr, kUnsupported, kNoMove},
      {"AnotherRank", moved("Reshape", {-1, 1, 3}), nullptr, kUnsupported, kNoMove},
      {"ColumnsSqueezed", moved("Squeeze", {1}), nullptr, kUnsupported, kNoMove},
      {"TheBatchSqueezed", moved("Squeeze", {0}), nullptr, kUnsupported, kNoMove},
      {"Unsqueezed", moved("Unsqueeze", {1}), nullptr, kUnsupported, kNoMove},
      {"TurnedIds", instead([](Graph* g) {
         g->Integers("axis", {1});
         g->Node("Slice", {"c", "setting", "axis", "axis"}, "s");
         g->node(2).set_input(1, "zero");
         g->Integers("zero", {0});
         g->Node("Transpose", {"s"}, "p0");
       }),
       nullptr, kUnsupported, "looks up ids in a shape of [columns, batch]"},
      {"IdsThatBecomeFloats", instead([](Graph* g) {
         g->Node("Cast", {"unread"}, "p0", {{"to", 1}});
       }),
       nullptr, kUnsupported, "\"p0/node\": is no way from an input to a table"},
      {"AnUnknownOperator", instead([](Graph* g) {
         g->Node("Mod", {"unread", "last"}, "p0");
       }),
       nullptr, kUnsupported, "operator \"Mod\", node 2 \"p0/node\": no layer does what"},
      {"FloatsAsTheyAre",
       [](Graph* g) {
         g->TypeOf(1)->set_elem_type(onnx::TensorProto::FLOAT);
         PickByGather(g);
       },
       nullptr, kMalformed, "graph.input \"c\": is looked up in a table: expected INT64"},
      {"Booleans",
       [=](Graph* g) {
         g->TypeOf(1)->set_elem_type(onnx::TensorProto::BOOL);
         instead([](Graph* h) { h->Node("Cast", {"unread"}, "p0", {{"to", kInt64}}); })(g);
       },
       nullptr, kMalformed, "graph.input \"c\": is looked up in a table: expected INT64"},
      {"NoColumns", columns(0), nullptr, kUnsupported, "\"c\": expected ids in a shape of"},
      {"NegativeColumns", columns(-3), nullptr, kUnsupported, "\"c\": expected ids in a shape of"},
      {"HugeColumns", columns(kHuge), nullptr, kUnsupported, "\"c\": expected ids in a shape of"},
      {"AThirdDimension",
       [](Graph* g) {
         g->TypeOf(1)->mutable_shape()->add_dim()->set_dim_value(1);
         PickByGather(g);
       },
       nullptr, kUnsupported, "\"c\": expected ids in a shape of"},
      {"RowsWithADimensionMore", one, nullptr, kUnsupported, kShape},
      {"SeveralIdsWithoutASum", two, nullptr, kUnsupported, "looks up several ids a row of \"c\""},
      {"SeveralIdsThatAreFlattened", two,
       with_column([](Graph* g) { g->Node("Flatten", {"u0"}, "u"); }), kUnsupported,
       "looks up several ids a row of \"c\""},
      {"RowsOfAnotherWidth", one, with_column([](Graph* g) {
         g->Integers("shape", {-1, 1});
         g->Node("Reshape", {"u0", "shape"}, "u");
       }),
       kUnsupported, "operator \"Reshape\", node 6 \"u/node\": makes rows of 1 from rows of 2"},
      {"ASumOfRowsOfAnotherWidth", two, with_column([](Graph* g) {
         g->Integers("axis", {1});
         g->Integers("shape", {-1, 1});
         g->Node("ReduceSum", {"u0", "axis"}, "u1", {{"keepdims", 0}});
         g->Node("Reshape", {"u1", "shape"}, "u");
       }),
       kUnsupported, "makes rows of 1 from rows of 2"},
      {"ASumOfNumbers", two, with_column([](Graph* g) {
         g->Integers("axis", {2});
         g->Node("ReduceSum", {"u0", "axis"}, "u", {{"keepdims", 0}});
       }),
       kUnsupported, "\"u/node\": takes rows of a table together: expected axis 1"},
      {"ASumOfOneIdsRow", gather(0), with_column([](Graph* g) {
         g->Integers("axis", {1});
         g->Node("ReduceSum", {"u0", "axis"}, "u", {{"keepdims", 0}});
       }),
       kUnsupported, "\"u/node\": takes the numbers of a row together"},
      {"ASumThatKeepsItsAxis", two, with_column([](Graph* g) {
         g->Integers("axis", {1});
         g->Node("ReduceSum", {"u0", "axis"}, "u");
       }),
       kUnsupported, kShape},
      {"ASumOfSums", two, with_column([](Graph* g) {
         g->Integers("axis", {1});
         g->Node("ReduceSum", {"u0", "axis"}, "u1");
         g->Node("ReduceSum", {"u1", "axis"}, "u", {{"keepdims", 0}});
       }),
       kUnsupported, "operator \"Concat\""},
      {"SqueezedRows", gather(0), with_column([](Graph* g) {
         g->Integers("axis", {1});
         g->Node("Squeeze", {"u0", "axis"}, "u");
       }),
       kUnsupported, kShape},
      {"SqueezedNumbers", one,
       [](Graph* g) {
         g->Node("Flatten", {"u0"}, "u");
         g->Integers("axis", {1});
         g->Node("Squeeze", {"x", "axis"}, "i");
       },
       kUnsupported, "operator \"Squeeze\", node 6 \"i/node\": reads \"x\""},
  };
}

class BrokenColumnGraphTest : public ::testing::TestWithParam<BrokenColumns> {};

TEST_P(BrokenColumnGraphTest, AreRefusedByName) {
  const absl::Status status = ColumnGraph(GetParam().pick, GetParam().rows).Read().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(GetErrorDetails(status).reason, GetParam().reason) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().text));
  EXPECT_LT(status.message().size(), 1000U);
}

INSTANTIATE_TEST_SUITE_P(Graphs, BrokenColumnGraphTest, ::testing::ValuesIn(BrokenPicks()),
                         [](const auto& of) { return of.param.name; });

// Rows of [batch, 1, 2]: a last Softmax of axis 1 is over one number.
TEST(HostileColumnsTest, ASoftmaxOverAnotherDimensionIsRefused) {
  Graph graph;
  graph.graph().mutable_input()->DeleteSubrange(2, 1);
  graph.graph().mutable_input()->DeleteSubrange(0, 1);
  graph.TypeOf(0)->mutable_shape()->add_dim()->set_dim_value(1);
  graph.graph().clear_node();
  graph.Node("Gather", {"users", "user"}, "rows");
  graph.Node("Softmax", {"rows"}, "y", {{"axis", 1}});
  EXPECT_THAT(InputsOf(graph.Read()), HasSubstr("operator \"Gather\", node 0"));
  graph.graph().clear_node();
  graph.Node("Gather", {"users", "user"}, "rows");
  graph.Node("Flatten", {"rows"}, "flat");
  graph.Node("Softmax", {"flat"}, "y", {{"axis", 1}});
  EXPECT_EQ(InputsOf(graph.Read()), "0, user 3 by 2");
}

// Each column behind as many nodes, all of which the columns share.
TEST(HostileColumnsTest, ALongWayToManyTablesTakesNoLongTime) {
  Graph graph;
  graph.graph().Clear();
  graph.Input("c", kInt64, {-1, 1024});
  std::string value = "c";
  for (int i = 0; i < 90'000; ++i) {
    graph.Node("Transpose", {value}, absl::StrCat("t", i));
    value = absl::StrCat("t", i);
  }
  std::vector<std::string> blocks;
  for (int i = 0; i < 1024; ++i) {
    graph.Integers(absl::StrCat("n", i), {i}, true);
    graph.Numbers(absl::StrCat("w", i), {2, 1}, 0);
    graph.Node("Gather", {value, absl::StrCat("n", i)}, absl::StrCat("p", i), {{"axis", 1}});
    graph.Node("Gather", {absl::StrCat("w", i), absl::StrCat("p", i)}, absl::StrCat("b", i));
    blocks.push_back(absl::StrCat("b", i));
  }
  graph.Node("Concat", blocks, "y", {{"axis", 1}});
  graph.graph().add_output()->set_name("y");
  const auto read = graph.Read();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->network.categorical_inputs.back().name, "c_1023");
}

TEST(HostileColumnsTest, ASplitIntoManyPartsIsRead) {
  ColumnGraph graph([](Graph* g) {
    PickByGather(g);
    g->TypeOf(1)->mutable_shape()->mutable_dim(1)->set_dim_value(100'000);
    g->node(0).set_op_type("Split");
    g->node(0).mutable_input()->RemoveLast();
    for (int i = 1; i < 100'000; ++i) g->node(0).add_output(absl::StrCat("one-part-of-many-", i));
    g->node(0).set_output(0, "s");
    g->Integers("axis", {1});
    g->Node("Squeeze", {"s", "axis"}, "p0");
  });
  EXPECT_EQ(InputsOf(graph.Read()), "2, c_0 3 by 2, c_2 2 by 1");
}

TEST(HostileColumnsTest, OutputsWithoutEndAreRefused) {
  Graph graph;
  for (int i = 0; i < 200'000; ++i) graph.node(0).add_output(absl::StrCat("one-part-of-many-", i));
  EXPECT_THAT(InputsOf(graph.Read()), HasSubstr("at most 200000 outputs together, got 200004"));
}

// Thousands of slices of one input, and sums of sums.
TEST(HostileColumnsTest, ManySlicesOfOneInputTakeNoLongTime) {
  ColumnGraph graph([](Graph* g) {
    PickByGather(g);
    g->Integers("axis", {1});
    g->Integers("zero", {0});
    for (int i = 0; i < 45'000; ++i) {
      g->Node("Slice", {"c", "zero", "axis", "axis"}, absl::StrCat("s", i));
      g->Node("ReduceSum", {i > 0 ? absl::StrCat("r", i - 1) : "c", "axis"}, absl::StrCat("r", i));
    }
  });
  EXPECT_EQ(InputsOf(graph.Read()), "2, c_0 3 by 2, c_2 2 by 1");
}

}  // namespace
}  // namespace descent::exchange
