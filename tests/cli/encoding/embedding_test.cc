#include "client/cli/encoding/embedding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/cli/message.h"

namespace descent::cli {
namespace {

using testing::HasSubstr;

TEST(EmbeddingTest, CallsInputsLikeTheirColumns) {
  const std::string long_name(100, 'x');
  for (const auto& [column, name] : std::vector<std::pair<std::string, std::string>>{
           {"shop", "shop"},
           {"Shop-ID (new)", "shop_id__new_"},
           {"Größe", "gr__e"},
           {"3", "column_3"},
           {"", "column_"},
           {"_x", "column__x"},
           {"店", "column__"},
           {"Inputs", "column_inputs"},
           {"outputs", "column_outputs"},
           {"inputs2", "inputs2"},
           {long_name, std::string(63, 'x')},
           {"1" + long_name, "column_1" + std::string(55, 'x')},
           {std::string("a\0b\n", 4), "a_b_"},
       }) {
    absl::flat_hash_set<std::string> taken;
    EXPECT_EQ(CategoricalInputName(column, &taken), name);
    EXPECT_TRUE(IsCategoricalInputName(name)) << name;
    EXPECT_TRUE(taken.contains(name));
  }
}

TEST(EmbeddingTest, TellsInputsOfLikeNamesApart) {
  absl::flat_hash_set<std::string> taken;
  EXPECT_EQ(CategoricalInputName("Shop", &taken), "shop");
  EXPECT_EQ(CategoricalInputName("shop_2", &taken), "shop_2");
  EXPECT_EQ(CategoricalInputName("SHOP", &taken), "shop_3");
  EXPECT_EQ(CategoricalInputName("shop", &taken), "shop_4");
  const std::string long_name(80, 'y');
  EXPECT_EQ(CategoricalInputName(long_name, &taken), std::string(63, 'y'));
  EXPECT_EQ(CategoricalInputName(long_name, &taken), std::string(61, 'y') + "_2");
}

TEST(EmbeddingTest, KnowsWhichNamesTheContractTakes) {
  for (const char* name : {"a", "shop_2", "x9_"}) EXPECT_TRUE(IsCategoricalInputName(name)) << name;
  for (const std::string& name :
       {std::string(), std::string("A"), std::string("9a"), std::string("_a"), std::string("a-b"),
        std::string("inputs"), std::string("outputs"), std::string(64, 'a')}) {
    EXPECT_FALSE(IsCategoricalInputName(name)) << name;
  }
}

TEST(EmbeddingTest, SizesTablesByTheirCategories) {
  struct Case {
    int64_t categories;
    int64_t dimension;  // round(1.6 n^0.56)
    int64_t buckets;
  };
  for (const Case& each : std::vector<Case>{
           {0, 2, 1024},
           {1, 2, 1024},
           {2, 2, 1024},
           {10, 6, 1024},
           {64, 16, 1024},
           {65, 17, 2048},
           {100, 21, 2048},
           {512, 53, 8192},
           {2000, 64, 32768},
           {4096, 64, 65536},
           {16384, 64, 65536},
           {16385, 64, 131072},
           {int64_t{1} << 40, 64, int64_t{1} << 30},
       }) {
    EXPECT_EQ(DefaultDimension(each.categories), each.dimension) << each.categories;
    EXPECT_EQ(DefaultBuckets(each.categories), each.buckets) << each.categories;
  }
}

Encoding Example() {
  Encoding encoding;
  encoding.inputs = {{"a", 0, NumberEncoding{}},
                     {"Shop", 1, EmbeddedEncoding{"shop", 8, 1024}},
                     {"article", 2, EmbeddedEncoding{"article", 3, 2048, true}}};
  return encoding;
}

v1::NetworkSpec NetworkOf(const Encoding& encoding) {
  v1::NetworkSpec network;
  v1::Initializer zeros;
  zeros.set_kind(v1::INITIALIZER_KIND_ZEROS);
  for (const v1::CategoricalInput& input : CategoricalInputsOf(encoding, zeros)) {
    *network.add_categorical_inputs() = input;
  }
  return network;
}

TEST(EmbeddingTest, SaysWhatNetworksAreMadeOf) {
  const v1::NetworkSpec network = NetworkOf(Example());
  ASSERT_EQ(network.categorical_inputs_size(), 2);
  EXPECT_EQ(network.categorical_inputs(0).name(), "shop");
  EXPECT_EQ(network.categorical_inputs(0).dimension(), 8);
  EXPECT_EQ(network.categorical_inputs(0).buckets(), 1024);
  EXPECT_EQ(network.categorical_inputs(0).hashing(), v1::HASHING_XXH64);
  EXPECT_EQ(network.categorical_inputs(1).initializer().kind(), v1::INITIALIZER_KIND_ZEROS);
  EXPECT_EQ(TablesText(network), "shop 1,024 x 8, article 2,048 x 3");
  EXPECT_EQ(TablesText({}), "");
  v1::NetworkSpec many;
  for (int i = 0; i < 900; ++i) many.add_categorical_inputs()->set_name("x");
  EXPECT_THAT(TablesText(many), testing::EndsWith(", ... (900)"));
}

TEST(EmbeddingTest, HoldsAnEncodingAgainstANetwork) {
  v1::NetworkSpec network = NetworkOf(Example());
  EXPECT_TRUE(CheckEmbedded(Example(), network).ok());
  network.mutable_categorical_inputs()->SwapElements(0, 1);
  EXPECT_TRUE(CheckEmbedded(Example(), network).ok());
  EXPECT_TRUE(CheckEmbedded({}, {}).ok());
  EXPECT_THAT(Message(CheckEmbedded(Example(), {})), HasSubstr("categorical inputs are none"));
  EXPECT_THAT(Message(CheckEmbedded({}, network)),
              HasSubstr("no column is embedded, and the network's categorical inputs are article"));

  network = NetworkOf(Example());
  network.mutable_categorical_inputs(0)->set_dimension(9);
  EXPECT_THAT(
      Message(CheckEmbedded(Example(), network)),
      HasSubstr("as shop 1,024 x 8, article 2,048 x 3, and the network's categorical inputs "
                "are shop 1,024 x 9, article 2,048 x 3"));
  network = NetworkOf(Example());
  network.mutable_categorical_inputs(1)->set_buckets(9);
  EXPECT_FALSE(CheckEmbedded(Example(), network).ok());
  network = NetworkOf(Example());
  network.mutable_categorical_inputs(1)->set_name("shop");
  EXPECT_FALSE(CheckEmbedded(Example(), network).ok());
  network = NetworkOf(Example());
  network.add_categorical_inputs()->set_name("more");
  EXPECT_FALSE(CheckEmbedded(Example(), network).ok());
  network = NetworkOf(Example());
  network.mutable_categorical_inputs(0)->set_hashing(v1::HASHING_NONE);
  EXPECT_THAT(Message(CheckEmbedded(Example(), network)), HasSubstr("x 8 without hashing"));
}

}  // namespace
}  // namespace descent::cli
