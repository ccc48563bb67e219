// Ids in ONNX files of others that are columns of one input, or several of a row: which categorical
// inputs they become.

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_subset.pb.h"
#include "server/exchange/onnx/onnx_import.h"
#include "tests/exchange/table_graph.h"
#include "tests/support/status_matchers.h"

namespace descent::exchange {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;

constexpr auto kFloat = onnx::TensorProto::FLOAT;
constexpr auto kInt32 = onnx::TensorProto::INT32;
constexpr auto kInt64 = onnx::TensorProto::INT64;
constexpr char kBoth[] = "2, c_0 3 by 2, c_2 2 by 1";

using Graph = TableGraph;

// By Gather, which all tests can do that are about something else.
void PickByGather(Graph* g) {
  g->Integers("0", {0}, true);
  g->Integers("2", {2}, true);
  g->Node("Gather", {"c", "0"}, "p0", {{"axis", 1}});
  g->Node("Gather", {"c", "2"}, "p2", {{"axis", 1}});
}

// Two values of [batch, 1].
void PickBySlice(Graph* g) {
  g->Integers("0", {0});
  g->Integers("1", {1});
  g->Integers("2", {2});
  g->Integers("3", {3});
  g->Node("Slice", {"c", "0", "1", "1"}, "p0");
  g->Node("Slice", {"c", "2", "3", "1"}, "p2");
}

std::map<std::string, std::function<void(Graph*)>> Picks() {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const auto squeeze = [](Graph* g) {
    g->Integers("axis", {1});
    g->Node("Squeeze", {"s0", "axis"}, "p0");
    g->Node("Squeeze", {"s2", "axis"}, "p2");
  };
  return {
      {"Gather", PickByGather},
      {"FromTheEnd",
       [](Graph* g) {
         g->Integers("-3", {-3}, true);
         g->Integers("-1", {-1}, true);
         g->Node("Gather", {"c", "-3"}, "p0", {{"axis", -1}});
         g->Node("Gather", {"c", "-1"}, "p2", {{"axis", 1}});
       }},
      {"SlicesOfBothAxes",
       [=](Graph* g) {
         g->Integers("b0", {0, 0});
         g->Integers("b2", {0, 2});
         g->Integers("e0", {2147483647, 1});
         g->Integers("e2", {kMax, kMax});
         g->Integers("axes", {0, 1});
         g->Integers("steps", {1, 1});
         g->Node("Slice", {"c", "b0", "e0", "axes", "steps"}, "s0");
         g->Node("Slice", {"c", "b2", "e2"}, "s2");
         squeeze(g);
       }},
      {"OldSlices",
       [](Graph* g) {
         g->SetOperators(9);
         for (const std::int64_t i : {0, 2}) {
           g->Node("Slice", {"c"}, absl::StrCat("s", i));
           g->Attribute("starts", {i - 3});
           g->Attribute("ends", {i + 1});
           g->Attribute("axes", {1});
           g->Node("Squeeze", {absl::StrCat("s", i)}, absl::StrCat("p", i));
           g->Attribute("axes", {-1});
         }
       }},
      {"SlicesOfSlices",
       [](Graph* g) {
         g->Integers("0", {0});
         g->Integers("1", {1});
         g->Integers("2", {2});
         g->Integers("9", {9});
         g->Integers("column", {1}, true);
         g->Node("Slice", {"c", "1", "9", "1"}, "s");
         g->Node("Gather", {"s", "column"}, "p2", {{"axis", 1}});
         g->Node("Slice", {"c", "0", "2", "1"}, "t");
         g->Node("Slice", {"t", "0", "1", "1"}, "s0");
         g->Integers("-1", {-1});
         g->Node("Reshape", {"s0", "-1"}, "p0");
       }},
      {"SplitInEqualParts",
       [=](Graph* g) {
         g->Node("Split", {"c"}, "s0", {{"axis", 1}, {"num_outputs", 3}});
         g->node(0).add_output("s1");
         g->node(0).add_output("s2");
         squeeze(g);
       }},
      {"SplitBySizes",
       [=](Graph* g) {
         g->Integers("sizes", {1, 1, 1});
         g->Node("Split", {"c", "sizes"}, "s0", {{"axis", -1}});
         g->node(0).add_output("");
         g->node(0).add_output("s2");
         squeeze(g);
       }},
      {"OldSplit",
       [=](Graph* g) {
         g->Node("Split", {"c"}, "s", {{"axis", 1}});
         g->node(0).add_output("s2");
         g->Attribute("split", {2, 1});
         g->Integers("first", {0});
         g->Node("Gather", {"s", "first"}, "s0", {{"axis", 1}});
         squeeze(g);
       }},
      {"Turned",
       [](Graph* g) {
         g->Node("Transpose", {"c"}, "t");
         g->Integers("0", {0}, true);
         g->Integers("2", {2}, true);
         g->Node("Gather", {"t", "0"}, "p0");
         g->Node("Gather", {"t", "2"}, "p2");
       }},
      {"Converted",
       [](Graph* g) {
         g->TypeOf(1)->set_elem_type(kInt32);
         g->Node("Cast", {"c"}, "wide", {{"to", kInt64}});
         g->Integers("0", {0}, true);
         g->Integers("2", {2}, true);
         g->Node("Gather", {"wide", "0"}, "s0", {{"axis", 1}});
         g->Node("Gather", {"wide", "2"}, "p2", {{"axis", 1}});
         g->Node("Cast", {"s0"}, "p0", {{"to", kInt64}});
       }},
      {"OfFloats",
       [](Graph* g) {
         g->TypeOf(1)->set_elem_type(kFloat);
         g->Node("Cast", {"c"}, "whole", {{"to", kInt32}});
         g->Integers("0", {0}, true);
         g->Integers("2", {2}, true);
         g->Node("Gather", {"whole", "0"}, "p0", {{"axis", 1}});
         g->Node("Gather", {"c", "2"}, "s2", {{"axis", 1}});
         g->Node("Cast", {"s2"}, "p2", {{"to", kInt64}});
       }},
      {"OfAnUndeclaredShape",
       [](Graph* g) {
         g->TypeOf(1)->clear_shape();
         PickByGather(g);
       }},
      {"OfSoManyColumnsAsThereAre",
       [](Graph* g) {
         g->TypeOf(1)->mutable_shape()->mutable_dim(1)->set_dim_param("m");
         PickByGather(g);
       }},
  };
}

TEST(OnnxIdColumnsTest, ColumnsArePickedInAllWaysThatThereAre) {
  for (const auto& [name, pick] : Picks()) {
    SCOPED_TRACE(name);
    EXPECT_EQ(InputsOf(ColumnGraph(pick).Read()), kBoth);
  }
}

TEST(OnnxIdColumnsTest, IdsBelowZeroMayBeCountedFromTheEnd) {
  // As Keras has it, and tf2onnx writes it.
  const auto pick = [](bool where) {
    return [where](Graph* g) {
      PickByGather(g);
      g->node(0).set_output(0, "s");
      g->Integers("rows", {3}, true);
      g->Numbers("zero", {}, 0);
      g->Node("Add", {"s", "rows"}, "added");
      g->Node("Cast", {"s"}, "float", {{"to", kFloat}});
      g->Node("Less", {"float", "zero"}, "less");
      if (where) return g->Node("Where", {"less", "added", "s"}, "p0");
      g->Node("Cast", {"less"}, "is", {{"to", kInt64}});
      g->Node("Not", {"less"}, "not");
      g->Node("Cast", {"not"}, "is_not", {{"to", kInt64}});
      g->Node("Mul", {"is", "added"}, "a");
      g->Node("Mul", {"s", "is_not"}, "b");
      g->Node("Add", {"a", "b"}, "p0");
    };
  };
  EXPECT_EQ(InputsOf(ColumnGraph(pick(true)).Read()), kBoth);
  EXPECT_EQ(InputsOf(ColumnGraph(pick(false)).Read()), kBoth);
  // Of others than those that are compared.
  for (const bool where : {true, false}) {
    ColumnGraph other(pick(where));
    const int last = where ? 5 : 8;
    other.node(last).set_input(where ? 2 : 0, "p2");
    EXPECT_THAT(InputsOf(other.Read()), HasSubstr("is no way from an input to a table"));
    ColumnGraph limit(pick(where));
    limit.graph().mutable_initializer(limit.graph().initializer_size() - 1)->set_float_data(0, 1);
    EXPECT_THAT(InputsOf(limit.Read()), HasSubstr("is no way from an input to a table"));
    ColumnGraph rows(pick(where));
    rows.node(2).set_input(0, "p2");
    EXPECT_THAT(InputsOf(rows.Read()), HasSubstr("is no way from an input to a table"));
  }
}

TEST(OnnxIdColumnsTest, NamesHaveTheNumberOfTheColumn) {
  const std::string tail = " 2 by 1";
  const auto named = [](const std::string& name) {
    ColumnGraph graph(PickByGather);
    graph.RenameInput(1, name);
    return InputsOf(graph.Read());
  };
  EXPECT_EQ(named("X-Cat:0"), "2, x_cat_0_0 3 by 2, x_cat_0_2 2 by 1");
  EXPECT_EQ(named("inputs"), "2, inputs_0 3 by 2, inputs_2 2 by 1");
  EXPECT_EQ(named("7"), "2, category_7_0 3 by 2, category_7_2 2 by 1");
  const std::string cut(61, 'u');
  EXPECT_EQ(named(std::string(100, 'u')),
            absl::StrCat("2, ", cut, "_0 3 by 2, ", cut, "_2 2 by 1"));

  // A column that is all of its input has the input's name, and another's name is refused.
  ColumnGraph one(PickByGather);
  one.Input("d", kInt64, {-1, 1});
  one.node(0).set_input(0, "d");
  EXPECT_EQ(InputsOf(one.Read()), "2, d 3 by 2, c_2 2 by 1");
  one.RenameInput(2, "C_2");
  EXPECT_THAT(InputsOf(one.Read()), HasSubstr("graph.input \"c\": would be called c_2"));
}

TEST(OnnxIdColumnsTest, RowsMayHaveADimensionMore) {
  const auto flatten = [](Graph* g) {
    g->Node("Flatten", {"u0"}, "u");
    g->Integers("shape", {-1, 1});
    g->Node("Reshape", {"i0", "shape"}, "i");
  };
  EXPECT_EQ(InputsOf(ColumnGraph(PickBySlice, flatten).Read()), kBoth);
  const auto squeeze = [](Graph* g) {
    g->Node("Dropout", {"u0"}, "u1");
    g->Node("Squeeze", {"u1", "1"}, "u");
    g->Integers("-2", {-2});
    g->Node("Squeeze", {"i0", "-2"}, "i");
  };
  EXPECT_EQ(InputsOf(ColumnGraph(PickBySlice, squeeze).Read()), kBoth);
  const auto joined = [](const std::string& op, std::int64_t axis) {
    return [=](Graph* g) {
      g->Node("Concat", {"i0", "u0"}, "deep", {{"axis", axis}});
      g->Integers("shape", {0, -1});
      g->Node(op, {"deep", op == "Reshape" ? "shape" : op == "Squeeze" ? "1" : ""}, "u");
      g->Node("Identity", {"u"}, "i");
    };
  };
  const auto read = [&](const std::string& op, std::int64_t axis) {
    ColumnGraph graph(PickBySlice, joined(op, axis));
    graph.graph().mutable_node(graph.graph().node_size() - 2)->mutable_input()->RemoveLast();
    return InputsOf(graph.Read());
  };
  const std::string turned = "2, c_2 2 by 1, c_0 3 by 2";
  EXPECT_EQ(read("Flatten", 2), turned);
  EXPECT_EQ(read("Reshape", -1), turned);
  EXPECT_EQ(read("Squeeze", 2), turned);
  EXPECT_EQ(read("Flatten", 1), turned);
  EXPECT_THAT(read("Squeeze", 1), HasSubstr("operator \"Concat\""));
}

TEST(OnnxIdColumnsTest, ColumnsThatNothingReadsAreLeftOut) {
  ColumnGraph graph(PickByGather);
  onnx::TensorProto* const kernel = graph.graph().mutable_initializer(2);
  kernel->set_dims(0, 3);
  kernel->mutable_float_data()->Truncate(3);
  graph.graph().mutable_node(4)->clear_input();
  for (const char* const part : {"x", "i"}) graph.node(4).add_input(part);
  EXPECT_EQ(InputsOf(graph.Read()), "2, c_2 2 by 1");
}

// The ids of `user`, [batch, 4], and the column that `item` is.
struct SeveralGraph : Graph {
  explicit SeveralGraph(const std::string& op,
                        const std::function<void(Graph*)>& reduce = nullptr) {
    TypeOf(1)->mutable_shape()->add_dim()->set_dim_value(4);
    Integers("axis", {1});
    graph().clear_node();
    Node("Gather", {"users", "user"}, "rows");
    if (reduce) {
      reduce(this);
    } else {
      Node(op, {"rows", "axis"}, "u", {{"keepdims", 0}});
    }
    Node("Gather", {"items", "item"}, "i");
    Node("Concat", {"x", "u", "i"}, "joined", {{"axis", 1}});
    Node("MatMul", {"joined", "w"}, "y");
  }
};

TEST(OnnxIdColumnsTest, SeveralIdsOfARowAreSummedOrMeant) {
  const std::string sum = "2, user 3 by 2, item 2 by 1";
  const std::string mean = "2, user 3 by 2 meant, item 2 by 1";
  EXPECT_EQ(InputsOf(SeveralGraph("ReduceSum").Read()), sum);
  EXPECT_EQ(InputsOf(SeveralGraph("ReduceMean").Read()), mean);
  for (const auto& reduce : std::vector<std::function<void(Graph*)>>{
           [](Graph* g) {
             g->Node("ReduceMean", {"rows"}, "u", {{"keepdims", 0}});
             g->Attribute("axes", {-2});
           },
           [](Graph* g) {
             g->Node("ReduceMean", {"rows", "axis"}, "kept");
             g->Node("Squeeze", {"kept", "axis"}, "u");
           },
           [](Graph* g) {
             g->TypeOf(1)->mutable_shape()->mutable_dim(1)->set_dim_param("m");
             g->Node("ReduceMean", {"rows", "axis"}, "kept", {{"keepdims", 1}});
             g->Node("Flatten", {"kept"}, "u");
           },
           [](Graph* g) {
             g->TypeOf(1)->clear_shape();
             g->Node("ReduceMean", {"rows", "axis"}, "u", {{"keepdims", 0}});
           }}) {
    EXPECT_EQ(InputsOf(SeveralGraph("", reduce).Read()), mean);
  }
}

TEST(OnnxIdColumnsTest, SeveralIdsMayBeSomeOfTheColumns) {
  const auto read = [](std::int64_t begin, std::int64_t end) {
    SeveralGraph graph("ReduceSum");
    graph.graph().mutable_input()->DeleteSubrange(2, 1);
    graph.Integers("begin", {begin});
    graph.Integers("end", {end});
    graph.Integers("column", {1}, true);
    graph.Node("Slice", {"user", "begin", "end", "axis"}, "some");
    graph.Node("Gather", {"user", "column"}, "one", {{"axis", 1}});
    for (int i = graph.graph().node_size() - 1; i > 1; --i) {
      graph.graph().mutable_node()->SwapElements(i, i - 2);
    }
    graph.graph().mutable_node()->SwapElements(0, 1);
    for (onnx::NodeProto& node : *graph.graph().mutable_node()) {
      if (node.input(0) == "users") node.set_input(1, "some");
      if (node.input(0) == "items") node.set_input(1, "one");
    }
    return InputsOf(graph.Read());
  };
  EXPECT_EQ(read(2, 4), "2, user_2 3 by 2, user_1 2 by 1");
  EXPECT_EQ(read(-2, 100), "2, user_2 3 by 2, user_1 2 by 1");
  EXPECT_THAT(read(1, 4), HasSubstr("looks up column 1 of \"user\""));
  EXPECT_THAT(read(0, 2), HasSubstr("looks up column 1 of \"user\""));
  EXPECT_THAT(read(0, 4), HasSubstr("looks up column 1 of \"user\""));
}

TEST(OnnxIdColumnsTest, ANetworkThatIsGivenCombinesTheSame) {
  const auto read = SeveralGraph("ReduceMean").Read();
  ASSERT_THAT(read, IsOk());
  NetworkSpec network = read->network;
  network.seed = 7;
  EXPECT_EQ(SeveralGraph("ReduceMean").Read({.network = network})->network.seed, 7U);
  EXPECT_THAT(InputsOf(SeveralGraph("ReduceSum").Read({.network = network})),
              HasSubstr("something else"));
  // Of one id it does not matter.
  network.categorical_inputs[1].combiner = Combiner::kMean;
  EXPECT_THAT(SeveralGraph("ReduceMean").Read({.network = network}), IsOk());
  // What the file says of itself does not have to be true.
  EXPECT_EQ(InputsOf(SeveralGraph("ReduceSum").Read({.described = network})),
            "2, user 3 by 2, item 2 by 1");
}

}  // namespace
}  // namespace descent::exchange
