#include "server/wire/categories.h"

#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/wire/decode.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/text_message.h"

namespace descent::wire {
namespace {

using descent::testing::DenseNetwork;
using descent::testing::FailsAt;
using descent::testing::IsOk;
using descent::testing::MakeNetwork;
using descent::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

NetworkSpec Spec(std::int64_t numeric) {
  NetworkSpec spec =
      DenseNetwork(numeric, {3, 1}, TanhActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32);
  spec.categorical_inputs = {{.name = "shop", .buckets = 10, .dimension = 2},
                             {.name = "tags",
                              .buckets = 1000,
                              .dimension = 3,
                              .hashing = Hashing::kXxh64,
                              .combiner = Combiner::kMean}};
  return spec;
}

// Two numeric inputs, ids of shops, and texts or ids that are hashed.
const Network& TheNetwork() {
  static const auto* network = new std::shared_ptr<const Network>(MakeNetwork(Spec(2)));
  return **network;
}

const Network& WithoutNumbers() {
  static const auto* network = new std::shared_ptr<const Network>(MakeNetwork(Spec(0)));
  return **network;
}

constexpr char kInputs[] =
    "inputs { data_type: DATA_TYPE_FLOAT32 shape: 2 shape: 2 floats { values: [1, 2, 3, 4] } } ";
constexpr char kShops[] =
    "categories { name: 'shop' ids { data_type: DATA_TYPE_INT64 shape: 2 ints { values: [7, 3] } } "
    "} ";
constexpr char kTags[] = "categories { name: 'tags' strings { values: ['a', 'abc'] } } ";

std::string Ids(const std::string& name, const std::string& type, const std::string& shape,
                const std::string& values, const std::string& more = "") {
  return "categories { name: '" + name + "' ids { data_type: DATA_TYPE_" + type + " " + shape +
         " ints { values: [" + values + "] } } " + more + "} ";
}

std::string Integers(const std::string& field, const std::string& shape,
                     const std::string& values) {
  return field + " { data_type: DATA_TYPE_INT64 shape: " + shape + " ints { values: [" + values +
         "] } } ";
}

auto DecodeText(const std::string& text, const Network& network = TheNetwork()) {
  return Decode(FromText<v1::PredictRequest>("model: 'm' " + text), network);
}

// XXH64 of the reference implementation, modulo 1000.
TEST(CategoriesTest, HashesAreThoseOfTheContract) {
  const CategoricalInputSpec& tags = TheNetwork().spec().categorical_inputs[1];
  EXPECT_EQ(BucketOf(tags, std::string_view("")), 921);
  EXPECT_EQ(BucketOf(tags, std::string_view("a")), 955);
  EXPECT_EQ(BucketOf(tags, std::string_view("abc")), 249);
  EXPECT_EQ(BucketOf(tags, std::string_view("M\xc3\xbcnchen")), 354);
  EXPECT_EQ(BucketOf(tags, std::int64_t{0}), 579);
  EXPECT_EQ(BucketOf(tags, std::int64_t{1}), 269);
  EXPECT_EQ(BucketOf(tags, std::int64_t{-1}), 761);
  EXPECT_EQ(BucketOf(tags, std::int64_t{12345678901234}), 763);
  EXPECT_EQ(BucketOf(tags, std::int64_t{9223372036854775807}), 972);
}

TEST(CategoriesTest, ComeInAnyOrderAndGoInTheSpecs) {
  for (const std::string& text :
       {std::string(kInputs) + kShops + kTags, std::string(kInputs) + kTags + kShops}) {
    const auto command = DecodeText(text);
    ASSERT_THAT(command, IsOk());
    ASSERT_EQ(command->categories.size(), 2);
    EXPECT_THAT(command->categories[0].buckets, ElementsAre(7, 3));
    EXPECT_THAT(command->categories[0].row_splits, IsEmpty());
    EXPECT_THAT(command->categories[1].buckets, ElementsAre(955, 249));
    EXPECT_TRUE(command->categories[1].weights.empty());
  }
}

TEST(CategoriesTest, IdsAreNumbersOfEitherWidthRawOrNot) {
  const auto narrow =
      DecodeText(std::string(kInputs) + kTags + Ids("shop", "INT32", "shape: 2", "7, 3"));
  ASSERT_THAT(narrow, IsOk());
  EXPECT_THAT(narrow->categories[0].buckets, ElementsAre(7, 3));
  auto request = FromText<v1::PredictRequest>(std::string("model: 'm' ") + kInputs + kTags);
  auto* shop = request.add_categories();
  shop->set_name("shop");
  const std::int64_t wide[] = {9, 0};
  shop->mutable_ids()->set_data_type(v1::DATA_TYPE_INT64);
  shop->mutable_ids()->add_shape(2);
  shop->mutable_ids()->set_raw(wide, sizeof wide);
  const auto raw = Decode(request, TheNetwork());
  ASSERT_THAT(raw, IsOk());
  EXPECT_THAT(raw->categories[0].buckets, ElementsAre(9, 0));
  const std::int32_t half[] = {5, -1};
  shop->mutable_ids()->set_data_type(v1::DATA_TYPE_INT32);
  shop->mutable_ids()->set_raw(half, sizeof half);
  EXPECT_THAT(Decode(request, TheNetwork()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "categories[1].ids: expected an id in [0, 10), got -1 at row 1"));
}

TEST(CategoriesTest, RowsMayHaveAnyNumberOfWeightedValues) {
  const auto command = DecodeText(
      std::string(kInputs) + kShops +
      "categories { name: 'tags' strings { values: ['a', 'abc', 'a'] } " +
      Integers("row_splits", "3", "0, 0, 3") +
      "weights { data_type: DATA_TYPE_FLOAT64 shape: 3 doubles { values: [0.5, 0, 2] } } } ");
  ASSERT_THAT(command, IsOk());
  const CategoryValues& tags = command->categories[1];
  EXPECT_THAT(tags.buckets, ElementsAre(955, 249, 955));
  EXPECT_THAT(tags.row_splits, ElementsAre(0, 0, 3));
  EXPECT_EQ(tags.weights.type(), DataType::kFloat32);
  EXPECT_EQ(tags.weights.At(2, 0), 2);
  // Rows without any value.
  const auto none =
      DecodeText(std::string(kInputs) + kShops + "categories { name: 'tags' strings {} " +
                 Integers("row_splits", "3", "0, 0, 0") + "} ");
  ASSERT_THAT(none, IsOk());
  EXPECT_EQ(none->categories[1].rows(), 2);
}

TEST(CategoriesTest, WithoutNumericInputsTheySayHowManyRowsThereAre) {
  const auto command = DecodeText(std::string(kShops) + kTags, WithoutNumbers());
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->inputs.rows(), 2);
  EXPECT_EQ(command->inputs.cols(), 0);
  EXPECT_THAT(DecodeText(std::string(kInputs) + kShops + kTags, WithoutNumbers()),
              FailsAt("inputs", "CONTRADICTORY_FIELDS"));
  EXPECT_THAT(DecodeText(Ids("shop", "INT64", "shape: 3", "1, 2, 3") + kTags, WithoutNumbers()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "categories[1].ids: expected 3 values, one a row, got 2"));
  EXPECT_THAT(DecodeText(std::string("categories { name: 'shop' ids { data_type: DATA_TYPE_INT64 "
                                     "shape: 0 ints {} } } categories { name: 'tags' strings {} }"),
                         WithoutNumbers()),
              FailsAt("categories", "WRONG_SHAPE"));
}

struct Mistake {
  std::string categories;
  std::string field;
  std::string reason;
};

class CategoryMistakeTest : public ::testing::TestWithParam<Mistake> {};

TEST_P(CategoryMistakeTest, IsRefused) {
  EXPECT_THAT(DecodeText(kInputs + GetParam().categories),
              FailsAt(GetParam().field, GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    All, CategoryMistakeTest,
    ::testing::Values(
        Mistake{kShops, "categories", "REQUIRED_FIELD"},
        Mistake{"", "categories", "REQUIRED_FIELD"},
        Mistake{std::string(kShops) + kTags + kShops, "categories[2].name", "CONTRADICTORY_FIELDS"},
        Mistake{std::string(kShops) + kTags + "categories { name: 'x' }", "categories[2].name",
                "UNKNOWN_CATEGORICAL_INPUT"},
        Mistake{"categories {}", "categories[0].name", "REQUIRED_FIELD"},
        Mistake{"categories { name: 'shop' }", "categories[0].ids", "REQUIRED_FIELD"},
        Mistake{"categories { name: 'shop' strings { values: ['a', 'b'] } }",
                "categories[0].strings", "INVALID_FIELD"},
        Mistake{Ids("shop", "INT64", "shape: 2", "7, 10"), "categories[0].ids", "INVALID_FIELD"},
        Mistake{Ids("shop", "INT64", "shape: 2", "-1, 1"), "categories[0].ids", "INVALID_FIELD"},
        Mistake{Ids("shop", "INT64", "shape: 3", "1, 1, 1"), "categories[0].ids", "WRONG_SHAPE"},
        Mistake{Ids("shop", "INT64", "shape: 2 shape: 1", "1, 1"), "categories[0].ids",
                "WRONG_SHAPE"},
        Mistake{Ids("shop", "UINT8", "shape: 2", "1, 1"), "categories[0].ids.data_type",
                "WRONG_DATA_TYPE"},
        Mistake{Ids("shop", "INT64", "shape: 2", "1"), "categories[0].ids", "MALFORMED_TENSOR"},
        Mistake{Ids("shop", "INT64", "shape: 2", "1, 1", "strings { values: ['a', 'b'] }"),
                "categories[0].strings", "CONTRADICTORY_FIELDS"},
        Mistake{Ids("shop", "INT64", "shape: 2", "1, 1", Integers("row_splits", "2", "0, 2")),
                "categories[0].row_splits", "WRONG_SHAPE"},
        Mistake{Ids("shop", "INT64", "shape: 2", "1, 1", Integers("row_splits", "0", "")),
                "categories[0].row_splits", "WRONG_SHAPE"},
        Mistake{Ids("shop", "INT64", "shape: 2", "1, 1", Integers("row_splits", "3", "1, 1, 2")),
                "categories[0].row_splits", "INVALID_FIELD"},
        Mistake{Ids("shop", "INT64", "shape: 2", "1, 1", Integers("row_splits", "3", "0, 3, 2")),
                "categories[0].row_splits", "INVALID_FIELD"},
        Mistake{Ids("shop", "INT64", "shape: 2", "1, 1", Integers("row_splits", "3", "0, 1, 1")),
                "categories[0].row_splits", "INVALID_FIELD"},
        Mistake{Ids("shop", "INT64", "shape: 2", "1, 1",
                    "weights { data_type: DATA_TYPE_FLOAT32 shape: 1 floats { values: [1] } }"),
                "categories[0].weights", "WRONG_SHAPE"},
        Mistake{
            Ids("shop", "INT64", "shape: 2", "1, 1",
                "weights { data_type: DATA_TYPE_FLOAT32 shape: 2 floats { values: [1, nan] } }"),
            "categories[0].weights", "NON_FINITE_VALUE"},
        // Of a sum they may be negative, of a mean not.
        Mistake{Ids("tags", "INT64", "shape: 2", "1, 1",
                    "weights { data_type: DATA_TYPE_FLOAT32 shape: 2 floats { values: [1, -1] } }"),
                "categories[0].weights", "NEGATIVE_WEIGHT"}));

TEST(CategoriesTest, OfNetworksWithoutThemAreRefused) {
  const auto network = MakeNetwork(
      DenseNetwork(2, {3, 1}, TanhActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32));
  EXPECT_THAT(DecodeText(std::string(kInputs) + kShops, *network),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "categories[0].name: the network has no categorical input \"shop\", nor any "
                       "other"));
}

TEST(CategoriesTest, AnswersAreEncodedAsTheInputsOrElseTheIds) {
  const auto encoding = [](const std::string& text) {
    const auto request = FromText<v1::PredictRequest>(text);
    return EncodingOf(request.inputs(), request.categories());
  };
  EXPECT_EQ(encoding(std::string(kInputs) + kShops), Encoding::kFloats);
  EXPECT_EQ(encoding(kShops), Encoding::kNumbers);
  EXPECT_EQ(encoding(kTags), Encoding::kNumbers);
  EXPECT_EQ(encoding("categories { name: 'shop' ids { raw: '' } }"), Encoding::kRaw);
  EXPECT_EQ(encoding(""), Encoding::kRaw);
}

// Gradients of tables.

constexpr char kDense[] =
    "gradients { name: 'layers.0.kernel' tensor { data_type: DATA_TYPE_FLOAT32 shape: 7 shape: 3 "
    "floats { values: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0] } } } "
    "gradients { name: 'layers.0.bias' tensor { data_type: DATA_TYPE_FLOAT32 shape: 3 "
    "floats { values: [0, 0, 0] } } } "
    "gradients { name: 'layers.1.kernel' tensor { data_type: DATA_TYPE_FLOAT32 shape: 3 shape: 1 "
    "floats { values: [0, 0, 0] } } } "
    "gradients { name: 'layers.1.bias' tensor { data_type: DATA_TYPE_FLOAT32 shape: 1 "
    "floats { values: 0 } } } ";
constexpr char kShopRows[] =
    "sparse_gradients { name: 'embeddings.shop' rows: [2, 9] values { data_type: DATA_TYPE_FLOAT64 "
    "shape: 2 shape: 2 doubles { values: [1, 2, 3, 4] } } } ";
constexpr char kTagRows[] = "sparse_gradients { name: 'embeddings.tags' } ";

auto DecodeGradients(const std::string& text) {
  return Decode(FromText<v1::StepRequest>("model: 'm' gradients { base_step: 0 " + text + " }"),
                TheNetwork());
}

TEST(TableGradientsTest, AreTheRowsThatAreThere) {
  const auto command = DecodeGradients(std::string(kDense) + kTagRows + kShopRows);
  ASSERT_THAT(command, IsOk());
  const auto& update = std::get<models::GradientUpdate>(command->update);
  EXPECT_EQ(update.gradients.size(), TheNetwork().layout().dense_size());
  ASSERT_EQ(update.tables.rows.size(), 2);
  EXPECT_THAT(update.tables.rows[0], ElementsAre(2, 9));
  EXPECT_THAT(update.tables.rows[1], IsEmpty());
  ASSERT_EQ(update.tables.values.size(), 4);
  EXPECT_EQ(update.tables.values.At(3), 4);
  EXPECT_TRUE(update.tables.Fit(TheNetwork().tables(), DataType::kFloat32));
}

TEST(TableGradientsTest, MistakesAreRefused) {
  const std::string shop = "sparse_gradients { name: 'embeddings.shop' ";
  const std::string values =
      "values { data_type: DATA_TYPE_FLOAT32 shape: 2 shape: 2 floats { values: [1, 2, 3, 4] } } "
      "} ";
  for (const Mistake& mistake : {
           Mistake{kShopRows, "gradients.sparse_gradients", "REQUIRED_FIELD"},
           Mistake{std::string(kTagRows) + kShopRows + kTagRows,
                   "gradients.sparse_gradients[2].name", "CONTRADICTORY_FIELDS"},
           Mistake{"sparse_gradients { name: 'layers.0.kernel' }",
                   "gradients.sparse_gradients[0].name", "UNKNOWN_TABLE"},
           Mistake{"sparse_gradients {}", "gradients.sparse_gradients[0].name", "REQUIRED_FIELD"},
           Mistake{shop + "rows: [2, 2] " + values, "gradients.sparse_gradients[0].rows",
                   "INVALID_FIELD"},
           Mistake{shop + "rows: [3, 2] " + values, "gradients.sparse_gradients[0].rows",
                   "INVALID_FIELD"},
           Mistake{shop + "rows: [2, 10] " + values, "gradients.sparse_gradients[0].rows",
                   "INVALID_FIELD"},
           Mistake{shop + "rows: [-1, 1] " + values, "gradients.sparse_gradients[0].rows",
                   "INVALID_FIELD"},
           Mistake{shop + "rows: 2 " + values + kTagRows, "gradients.sparse_gradients[0].values",
                   "WRONG_SHAPE"},
           Mistake{shop + "rows: 2 } " + kTagRows, "gradients.sparse_gradients[0].values.data_type",
                   "WRONG_DATA_TYPE"},
           Mistake{"gradients { name: 'embeddings.shop' tensor {} } ",
                   "gradients.gradients[4].name", "INVALID_FIELD"},
       }) {
    EXPECT_THAT(DecodeGradients(kDense + mistake.categories),
                FailsAt(mistake.field, mistake.reason))
        << mistake.categories;
  }
}

}  // namespace
}  // namespace descent::wire
