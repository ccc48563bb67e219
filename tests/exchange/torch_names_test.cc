// Files with PyTorch's names.

#include "server/exchange/safetensors/torch_names.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/exchange/trained_files.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"

namespace descent::exchange {
namespace {

using ::descent::testing::FailsAt;
using ::descent::testing::IsOk;
using ::descent::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;

struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
};

// A file of F32 tensors whose numbers count on from 0.
std::string FileOf(const std::vector<Tensor>& tensors) {
  std::vector<std::string> entries;
  std::string data;
  float next = 0;
  for (const Tensor& tensor : tensors) {
    const std::size_t begin = data.size();
    std::int64_t elements = 1;
    for (const std::int64_t extent : tensor.shape) elements *= extent;
    for (std::int64_t i = 0; i < elements; ++i, ++next) {
      data.append(reinterpret_cast<const char*>(&next), sizeof next);
    }
    entries.push_back(absl::StrCat("\"", tensor.name, R"(":{"dtype":"F32","shape":[)",
                                   absl::StrJoin(tensor.shape, ","), R"(],"data_offsets":[)", begin,
                                   ",", data.size(), "]}"));
  }
  const std::string json = absl::StrCat("{", absl::StrJoin(entries, ","), "}");
  const std::uint64_t length = json.size();
  return absl::StrCat(std::string(reinterpret_cast<const char*>(&length), sizeof length), json,
                      data);
}

NetworkSpec Network(std::vector<LayerSpec> layers, std::int64_t inputs = 3) {
  NetworkSpec network;
  network.input_features = inputs;
  network.layers = std::move(layers);
  return network;
}

OptimizerSpec Sgd() {
  OptimizerSpec optimizer;
  optimizer.learning_rate = 0.1;
  return optimizer;
}

// The values of a parameter.
std::vector<double> Values(const ImportedModel& model, std::string_view name) {
  const auto network = testing::MakeNetwork(model.network);
  const ParameterLayout& layout = network->layout();
  const ParameterInfo& parameter = layout.parameters()[static_cast<std::size_t>(layout.Find(name))];
  std::vector<double> values;
  for (std::int64_t i = 0; i < parameter.size; ++i) {
    values.push_back(model.parameters.At(parameter.offset + i));
  }
  return values;
}

TEST(TorchNames, TurnAnNnSequential) {
  const NetworkSpec network = Network({DenseSpec{.units = 2}, DenseSpec{.units = 1}});
  // In the order of texts "10" comes before "2".
  const auto read = ReadSafetensors(
      FileOf({{"10.bias", {1}}, {"10.weight", {1, 2}}, {"2.bias", {2}}, {"2.weight", {2, 3}}}),
      network, Sgd());
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(Values(*read, "layers.0.kernel"), ElementsAre(5, 8, 6, 9, 7, 10));
  EXPECT_THAT(Values(*read, "layers.0.bias"), ElementsAre(3, 4));
  EXPECT_THAT(Values(*read, "layers.1.kernel"), ElementsAre(1, 2));
  EXPECT_THAT(Values(*read, "layers.1.bias"), ElementsAre(0));
  EXPECT_THAT(read->step, Eq(0));
}

TEST(TorchNames, MeetLayersWithinOthers) {
  const NetworkSpec network =
      Network({DenseSpec{.units = 3, .omit_bias = true},
               ResidualSpec{{LayerNormSpec{}, DropoutSpec{.rate = 0.5}, DenseSpec{.units = 3}}},
               DenseSpec{.units = 1}});
  const auto read = ReadSafetensors(FileOf({{"net.0.weight", {3, 3}},
                                            {"net.1.f.0.weight", {3}},
                                            {"net.1.f.0.bias", {3}},
                                            {"net.1.f.2.weight", {3, 3}},
                                            {"net.1.f.2.bias", {3}},
                                            {"net.3.weight", {1, 3}},
                                            {"net.3.bias", {1}}}),
                                    network, Sgd());
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(Values(*read, "layers.1.layers.0.gain"), ElementsAre(9, 10, 11));
  EXPECT_THAT(Values(*read, "layers.1.layers.2.bias"), ElementsAre(24, 25, 26));
  EXPECT_THAT(Values(*read, "layers.2.kernel"), ElementsAre(27, 28, 29));
}

TEST(TorchNames, MayCount) {
  const NetworkSpec network = Network(
      {DenseSpec{.units = 2, .omit_bias = true}, DenseSpec{.units = 2, .omit_bias = true}}, 2);
  const auto read =
      ReadSafetensors(FileOf({{"fc10.weight", {2, 2}}, {"fc9.weight", {2, 2}}}), network, Sgd());
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(Values(*read, "layers.0.kernel"), ElementsAre(4, 6, 5, 7));
}

TEST(TorchNames, MayBeOfOneModule) {
  EXPECT_THAT(ReadSafetensors(FileOf({{"weight", {1, 3}}, {"bias", {1}}}),
                              Network({DenseSpec{.units = 1}}), Sgd()),
              IsOk());
}

// `user` of 3 by 2 and `item` of 2 by 1 beside 3 numbers, and a layer of 2 units.
NetworkSpec NetworkWithTables() {
  NetworkSpec network = Network({DenseSpec{.units = 2}});
  network.categorical_inputs = {{.name = "user", .buckets = 3, .dimension = 2},
                                {.name = "item", .buckets = 2, .dimension = 1}};
  return network;
}

TEST(TorchNames, TablesAreTakenAsTheyAreByTheirNames) {
  for (const auto& [user, item] : std::vector<std::pair<std::string, std::string>>{
           {"embeddings.user.weight", "embeddings.item.weight"},
           {"user.weight", "item.weight"},
           {"towers.user.weight", "towers.0.item.weight"},
           {"embeddings.user", "embeddings.item"},
           {"embeddings.user", "item.weight"}}) {
    const auto read = ReadSafetensors(
        FileOf({{user, {3, 2}}, {item, {2, 1}}, {"0.weight", {2, 6}}, {"0.bias", {2}}}),
        NetworkWithTables(), Sgd());
    ASSERT_THAT(read, IsOk()) << user;
    EXPECT_THAT(Values(*read, "embeddings.user"), ElementsAre(0, 1, 2, 3, 4, 5));
    EXPECT_THAT(Values(*read, "embeddings.item"), ElementsAre(6, 7));
    EXPECT_THAT(Values(*read, "layers.0.kernel"),
                ElementsAre(8, 14, 9, 15, 10, 16, 11, 17, 12, 18, 13, 19));
  }
}

TEST(TorchNames, OfAModuleThatIsNamedByItsPathGoBeforeItsLastPart) {
  NetworkSpec network = NetworkWithTables();
  network.categorical_inputs.pop_back();
  const auto read = ReadSafetensors(
      FileOf({{"user.weight", {3, 2}}, {"net.user.weight", {2, 5}}, {"net.user.bias", {2}}}),
      network, Sgd());
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(Values(*read, "embeddings.user"), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(TorchNames, AreRefusedWhereATableIsNotKnown) {
  const std::vector<Tensor> layer = {{"0.weight", {2, 6}}, {"0.bias", {2}}};
  const auto with = [&](std::vector<Tensor> tensors) {
    tensors.insert(tensors.end(), layer.begin(), layer.end());
    return tensors;
  };
  struct Case {
    std::vector<Tensor> tensors;
    const char* said;
  };
  for (const Case& c : {
           Case{with({{"user.weight", {3, 2}}}),
                "expected a tensor \"embeddings.item\", or the weight of a module \"item\""},
           Case{with({{"user.weight", {2, 3}}, {"item.weight", {2, 1}}}),
                "\"user.weight\": expected [3, 2], got [2, 3]"},
           Case{
               with(
                   {{"a.user.weight", {3, 2}}, {"b.user.weight", {3, 2}}, {"item.weight", {2, 1}}}),
               "whether \"a.user.weight\" or \"b.user.weight\" is \"embeddings.user\""},
           Case{with({{"user.weight", {3, 2}}, {"user.bias", {2}}, {"item.weight", {2, 1}}}),
                "\"user.bias\": expected a weight beside it"},
           Case{with({{"embeds.0.weight", {3, 2}}, {"embeds.1.weight", {2, 1}}}),
                "expected a tensor \"embeddings.user\""},
       }) {
    const auto read = ReadSafetensors(FileOf(c.tensors), NetworkWithTables(), Sgd());
    EXPECT_THAT(read, FailsAt("file", "FILE_MISMATCH")) << c.said;
    EXPECT_THAT(read, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.said)));
  }
}

TEST(TorchNames, AreRefusedByName) {
  const NetworkSpec network = Network({DenseSpec{.units = 2}, DenseSpec{.units = 1}});
  const std::vector<Tensor> good = {
      {"0.weight", {2, 3}}, {"0.bias", {2}}, {"2.weight", {1, 2}}, {"2.bias", {1}}};
  const auto with = [&](std::size_t at, const Tensor& tensor) {
    std::vector<Tensor> tensors = good;
    tensors[at] = tensor;
    return tensors;
  };
  const auto without = [&](std::size_t at) {
    std::vector<Tensor> tensors = good;
    tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(at));
    return tensors;
  };
  auto more = good;
  more.push_back({"3.running_mean", {1}});
  struct Case {
    std::vector<Tensor> tensors;
    const char* said;
  };
  for (const Case& c : {
           Case{more, "\"3.running_mean\": expected a weight or a bias"},
           Case{with(2, {"head.weight", {1, 2}}), "\"2.bias\": expected a weight beside it"},
           Case{without(1), "module \"0\" has no bias, and layers.0 one"},
           Case{with(0, {"0.weight", {3, 2}}), "\"0.weight\": expected [2, 3], got [3, 2]"},
           Case{with(0, {"0.weight", {2}}), "expected [2, 3], got [2]"},
           Case{{{"0.weight", {2, 3}}, {"0.bias", {2}}},
                "1 modules with a weight, and the network 2"},
           Case{{{"hidden.weight", {2, 3}},
                 {"hidden.bias", {2}},
                 {"output.weight", {1, 2}},
                 {"output.bias", {1}}},
                "whether \"hidden\" or \"output\" comes first is not known"},
       }) {
    const auto read = ReadSafetensors(FileOf(c.tensors), network, Sgd());
    EXPECT_THAT(read, FailsAt("file", "FILE_MISMATCH")) << c.said;
    EXPECT_THAT(read, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.said)));
  }
}

}  // namespace
}  // namespace descent::exchange
