// Categorical inputs in the Open Inference Protocol: ids and texts in every form. What can be wrong
// with them is in inference_mistakes_test.cc.

#include "server/wire/inference_inputs.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/embeddings/tables.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/wire/categories.h"
#include "server/wire/inference.h"
#include "server/wire/inference_type.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/mixed_request.h"
#include "tests/wire/text_message.h"

namespace descent::wire {
namespace {

using descent::testing::FailsAt;
using descent::testing::IsOk;
using inference::InferTensorContents;
using inference::ModelInferRequest;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::vector<std::int32_t> BucketsOf(const std::vector<std::string>& texts) {
  std::vector<std::int32_t> buckets;
  for (const std::string& text : texts) buckets.push_back(BucketOf(Country(), text));
  return buckets;
}

TEST(InferenceInputsTest, NumbersIdsAndTextsBecomeACommand) {
  const auto command = Decode(MixedRequest(), Mixed());
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->inputs.rows(), 3);
  EXPECT_EQ(command->inputs.At(2, 1), 6);
  ASSERT_THAT(command->categories, SizeIs(2));
  EXPECT_THAT(command->categories[0].buckets, ElementsAre(0, 7, 199));
  EXPECT_THAT(command->categories[1].buckets,
              ElementsAreArray(BucketsOf({"CH", "", "Côte d'Ivoire"})));
  for (const CategoryValues& values : command->categories) {
    EXPECT_THAT(values.row_splits, IsEmpty());
    EXPECT_TRUE(values.weights.empty());
  }
}

TEST(InferenceInputsTest, TensorsComeInAnyOrderAndAsColumns) {
  ModelInferRequest request;
  AddRaw(&request, "country", "BYTES", {2, 1}, RawTexts({"CH", "FR"}));
  AddRaw(&request, "inputs", "FP32", {2, 2}, Raw<float>({1, 2, 3, 4}));
  AddRaw(&request, "shop", "UINT8", {2, 1}, std::string("\x05\xc7"));
  const auto command = Decode(request, Mixed());
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->inputs.At(1, 0), 3);
  EXPECT_THAT(command->categories[0].buckets, ElementsAre(5, 199));
  EXPECT_THAT(command->categories[1].buckets, ElementsAreArray(BucketsOf({"CH", "FR"})));
}

TEST(InferenceInputsTest, ANetworkWithoutNumbersTakesCategoriesAlone) {
  const auto network = NetworkOf(0, {Shop()});
  ModelInferRequest request;
  AddRaw(&request, "shop", "INT64", {2}, Raw<std::int64_t>({3, 4}));
  const auto command = Decode(request, *network);
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->inputs.rows(), 2);
  EXPECT_EQ(command->inputs.cols(), 0);
  EXPECT_EQ(command->inputs.type(), DataType::kFloat32);
  EXPECT_THAT(command->categories[0].buckets, ElementsAre(3, 4));
  AddRaw(&request, "inputs", "FP32", {2, 0}, "");
  EXPECT_THAT(Decode(request, *network), FailsAt("inputs[1].name", "UNKNOWN_TENSOR"));
}

// Ids 1, 0 and 100 in every integer's type, raw and typed.
std::vector<ModelInferRequest> Ids() {
  std::vector<ModelInferRequest> requests;
  const auto raw = [&](const std::string& datatype, const std::string& bytes) {
    AddRaw(&requests.emplace_back(), "shop", datatype, {3}, bytes);
  };
  const auto typed = [&](const std::string& datatype, const std::string& field) {
    *Add(&requests.emplace_back(), "shop", datatype, {3})->mutable_contents() =
        FromText<InferTensorContents>(field + ": [1, 0, 100]");
  };
  raw("INT8", Raw<std::int8_t>({1, 0, 100}));
  raw("INT16", Raw<std::int16_t>({1, 0, 100}));
  raw("INT32", Raw<std::int32_t>({1, 0, 100}));
  raw("INT64", Raw<std::int64_t>({1, 0, 100}));
  raw("UINT8", Raw<std::uint8_t>({1, 0, 100}));
  raw("UINT16", Raw<std::uint16_t>({1, 0, 100}));
  raw("UINT32", Raw<std::uint32_t>({1, 0, 100}));
  raw("UINT64", Raw<std::uint64_t>({1, 0, 100}));
  for (const char* type : {"INT8", "INT16", "INT32"}) typed(type, "int_contents");
  for (const char* type : {"UINT8", "UINT16", "UINT32"}) typed(type, "uint_contents");
  typed("INT64", "int64_contents");
  typed("UINT64", "uint64_contents");
  return requests;
}

TEST(InferenceInputsTest, IdsComeInEveryIntegersTypeRawAndTyped) {
  const auto plain = NetworkOf(0, {Shop()});
  CategoricalInputSpec hashed = Country();
  hashed.name = "shop";
  const auto hashing = NetworkOf(0, {hashed});
  for (const ModelInferRequest& request : Ids()) {
    const auto command = Decode(request, *plain);
    ASSERT_THAT(command, IsOk()) << request.ShortDebugString();
    EXPECT_THAT(command->categories[0].buckets, ElementsAre(1, 0, 100));
    const auto other = Decode(request, *hashing);
    ASSERT_THAT(other, IsOk()) << request.ShortDebugString();
    EXPECT_THAT(other->categories[0].buckets,
                ElementsAre(BucketOf(hashed, std::int64_t{1}), BucketOf(hashed, std::int64_t{0}),
                            BucketOf(hashed, std::int64_t{100})));
  }
  std::size_t ways = 0;
  for (const InferenceType& type : InferenceTypes()) ways += type.to_int64 == nullptr ? 0 : 2;
  EXPECT_THAT(Ids(), SizeIs(ways));
}

TEST(InferenceInputsTest, HashedIdsAreAnyOf64Bits) {
  const auto network = NetworkOf(0, {Country()});
  const std::vector<std::int64_t> ids = {-kMost - 1, -1, (std::int64_t{1} << 53) + 1, kMost};
  ModelInferRequest request;
  AddRaw(&request, "country", "INT64", {4}, Raw(ids));
  const auto command = Decode(request, *network);
  ASSERT_THAT(command, IsOk());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(command->categories[0].buckets[i], BucketOf(Country(), ids[i]));
  }
  request.mutable_inputs(0)->set_datatype("UINT64");
  const auto beyond = Decode(request, *network);
  EXPECT_THAT(beyond, FailsAt("inputs[0]", "INVALID_FIELD"));
  EXPECT_THAT(std::string(beyond.status().message()),
              HasSubstr("up to 9223372036854775807, got 9223372036854775808 at row 0"));
  *request.mutable_raw_input_contents(0) = Raw<std::int64_t>({0, kMost, 5, -1});
  EXPECT_EQ(GetErrorDetails(Decode(request, *network).status()).metadata.at("row"), "3");
}

TEST(InferenceInputsTest, TextsAreAnyBytesRawAndTyped) {
  const auto network = NetworkOf(0, {Country()});
  const std::vector<std::string> texts = {"", "CH", std::string(100'000, 'x'),
                                          std::string("a\0b", 3), "\xff\xfe"};
  ModelInferRequest raw;
  AddRaw(&raw, "country", "BYTES", {5}, RawTexts(texts));
  ModelInferRequest typed;
  auto* const input = Add(&typed, "country", "BYTES", {5, 1});
  for (const std::string& text : texts) input->mutable_contents()->add_bytes_contents(text);
  for (const ModelInferRequest& request : {raw, typed}) {
    const auto command = Decode(request, *network);
    ASSERT_THAT(command, IsOk());
    EXPECT_THAT(command->categories[0].buckets, ElementsAreArray(BucketsOf(texts)));
  }
}

TEST(InferenceInputsTest, ManyRowsAreAllThereAndEachIsChecked) {
  constexpr std::int64_t kRows = 1000;
  const auto network = NetworkOf(0, {Shop()});
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < kRows; ++i) ids.push_back(i % 200);
  ModelInferRequest request;
  AddRaw(&request, "shop", "INT64", {kRows}, Raw(ids));
  const auto command = Decode(request, *network);
  ASSERT_THAT(command, IsOk());
  EXPECT_THAT(command->categories[0].buckets, ElementsAreArray(ids));
  for (const std::int64_t bad : {std::int64_t{-2}, std::int64_t{200}, std::int64_t{1} << 40}) {
    std::vector<std::int64_t> spoilt = ids;
    spoilt[700] = bad;
    *request.mutable_raw_input_contents(0) = Raw(spoilt);
    const auto refused = Decode(request, *network);
    EXPECT_THAT(refused, FailsAt("inputs[0]", "INVALID_FIELD"));
    EXPECT_THAT(std::string(refused.status().message()),
                HasSubstr(absl::StrCat("expected an id in [0, 200), or -1 for no category, got ",
                                       bad, " at row 700")));
  }
}

// What came of one input.
CategoryValues ValuesOf(const ModelInferRequest& request, const Network& network) {
  auto command = Decode(request, network);
  EXPECT_THAT(command, IsOk()) << request.ShortDebugString();
  if (!command.ok()) return {};
  EXPECT_EQ(command->inputs.rows(), command->categories[0].rows());
  EXPECT_TRUE(command->categories[0].weights.empty());
  return std::move(command->categories[0]);
}

TEST(InferenceInputsTest, RowsHaveSeveralIdsInEveryIntegersTypeRawAndTyped) {
  const auto network = NetworkOf(0, {Shop()});
  for (ModelInferRequest request : Ids()) {  // 1, 0 and 100
    request.mutable_inputs(0)->set_shape(0, 1);
    request.mutable_inputs(0)->add_shape(3);
    const CategoryValues one = ValuesOf(request, *network);
    EXPECT_THAT(one.buckets, ElementsAre(1, 0, 100)) << request.ShortDebugString();
    EXPECT_THAT(one.row_splits, ElementsAre(0, 3));
  }
  ModelInferRequest request;
  AddRaw(&request, "shop", "UINT8", {3, 2}, "\1\2\3\4\5\6");
  const CategoryValues three = ValuesOf(request, *network);
  EXPECT_THAT(three.buckets, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(three.row_splits, ElementsAre(0, 2, 4, 6));
}

TEST(InferenceInputsTest, RowsHaveSeveralTextsRawAndTyped) {
  const auto network = NetworkOf(0, {Country()});
  const std::vector<std::string> texts = {"CH", "FR", "", "Côte d'Ivoire"};
  ModelInferRequest raw;
  AddRaw(&raw, "country", "BYTES", {2, 2}, RawTexts(texts));
  ModelInferRequest typed;
  auto* const input = Add(&typed, "country", "BYTES", {2, 2});
  for (const std::string& text : texts) input->mutable_contents()->add_bytes_contents(text);
  for (const ModelInferRequest& request : {raw, typed}) {
    const CategoryValues values = ValuesOf(request, *network);
    EXPECT_THAT(values.buckets, ElementsAreArray(BucketsOf(texts)));
    EXPECT_THAT(values.row_splits, ElementsAre(0, 2, 4));
  }
}

TEST(InferenceInputsTest, WithoutHashingMinusOneIsNoCategoryInAnyShape) {
  const auto network = NetworkOf(0, {Shop()});
  const struct {
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> ids;
    std::vector<std::int32_t> buckets;
    std::vector<std::int64_t> row_splits;
  } cases[] = {
      {{3}, {7, 0, 199}, {7, 0, 199}, {}},
      {{3, 1}, {7, 0, 199}, {7, 0, 199}, {}},
      {{3}, {7, -1, 199}, {7, 199}, {0, 1, 1, 2}},
      {{3, 1}, {-1, 0, -1}, {0}, {0, 0, 1, 1}},
      {{1}, {-1}, {}, {0, 0}},
      {{2, 3}, {1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}, {0, 3, 6}},
      {{3, 2}, {1, -1, -1, -1, 2, 3}, {1, 2, 3}, {0, 1, 1, 3}},
      {{2, 3}, {-1, 5, -1, -1, -1, 6}, {5, 6}, {0, 1, 2}},
      {{2, 2}, {-1, -1, -1, -1}, {}, {0, 0, 0}},
  };
  for (const auto& [shape, ids, buckets, row_splits] : cases) {
    ModelInferRequest request;
    AddRaw(&request, "shop", "INT64", shape, Raw(ids));
    ModelInferRequest typed;
    auto* const input = Add(&typed, "shop", "INT16", shape);
    for (const std::int64_t id : ids) {
      input->mutable_contents()->add_int_contents(static_cast<std::int32_t>(id));
    }
    for (const ModelInferRequest& way : {request, typed}) {
      const CategoryValues values = ValuesOf(way, *network);
      EXPECT_THAT(values.buckets, ElementsAreArray(buckets)) << way.ShortDebugString();
      EXPECT_THAT(values.row_splits, ElementsAreArray(row_splits)) << way.ShortDebugString();
    }
  }
}

TEST(InferenceInputsTest, WhatIsHashedIsPaddedOnlyWhereTheRequestSaysSo) {
  const auto network = NetworkOf(0, {Country()});
  ModelInferRequest texts;
  AddRaw(&texts, "country", "BYTES", {3, 2}, RawTexts({"CH", "", "", "", "FR", "IT"}));
  ModelInferRequest ids;
  AddRaw(&ids, "country", "INT32", {3, 2}, Raw<std::int32_t>({8, -1, -1, -1, -2, 9}));
  const auto bucket = [](std::int64_t id) { return BucketOf(Country(), id); };
  for (const bool says_no : {false, true}) {
    for (ModelInferRequest* const request : {&texts, &ids}) {
      if (says_no) (*request->mutable_parameters())["padded_categories"].set_bool_param(false);
    }
    EXPECT_THAT(ValuesOf(texts, *network).buckets,
                ElementsAreArray(BucketsOf({"CH", "", "", "", "FR", "IT"})));
    EXPECT_THAT(ValuesOf(ids, *network).buckets,
                ElementsAre(bucket(8), bucket(-1), bucket(-1), bucket(-1), bucket(-2), bucket(9)));
  }
  for (ModelInferRequest* const request : {&texts, &ids}) {
    (*request->mutable_parameters())["padded_categories"].set_bool_param(true);
    EXPECT_THAT(ValuesOf(*request, *network).row_splits, ElementsAre(0, 1, 1, 3));
  }
  EXPECT_THAT(ValuesOf(texts, *network).buckets, ElementsAreArray(BucketsOf({"CH", "FR", "IT"})));
  EXPECT_THAT(ValuesOf(ids, *network).buckets, ElementsAre(bucket(8), bucket(-2), bucket(9)));
}

TEST(InferenceInputsTest, ManyRowsOfSeveralAreAllThere) {
  constexpr std::int64_t kRows = 700;  // in several blocks, of which none ends with a row
  constexpr std::int64_t kPlaces = 3;
  const auto network = NetworkOf(0, {Shop()});
  std::vector<std::int64_t> ids;
  std::vector<std::int32_t> buckets;
  std::vector<std::int64_t> row_splits = {0};
  for (std::int64_t i = 0; i < kRows * kPlaces; ++i) {
    ids.push_back(i % 7 == 0 ? -1 : i % 200);
    if (ids.back() >= 0) buckets.push_back(static_cast<std::int32_t>(ids.back()));
    if (i % kPlaces == kPlaces - 1) row_splits.push_back(static_cast<std::int64_t>(buckets.size()));
  }
  ModelInferRequest request;
  AddRaw(&request, "shop", "INT64", {kRows, kPlaces}, Raw(ids));
  const CategoryValues values = ValuesOf(request, *network);
  EXPECT_EQ(values.buckets, buckets);
  EXPECT_EQ(values.row_splits, row_splits);
  ids[1000] = 200;
  *request.mutable_raw_input_contents(0) = Raw(ids);
  const auto metadata = GetErrorDetails(Decode(request, *network).status()).metadata;
  EXPECT_EQ(metadata.at("row"), "333");
  EXPECT_EQ(metadata.at("column"), "1");
}

TEST(InferenceInputsTest, AsManyInputsAsThereMayBeComeBackwardsToo) {
  std::vector<CategoricalInputSpec> inputs;
  ModelInferRequest request;
  for (int i = 0; i < kMaxCategoricalInputs; ++i) {
    inputs.push_back(
        {.name = absl::StrCat("c", i), .buckets = kMaxCategoricalInputs, .dimension = 1});
    const std::int64_t id = kMaxCategoricalInputs - 1 - i;
    AddRaw(&request, absl::StrCat("c", id), "INT64", {1}, Raw<std::int64_t>({id}));
  }
  const auto network = NetworkOf(0, inputs);
  const auto command = Decode(request, *network);
  ASSERT_THAT(command, IsOk());
  for (int i = 0; i < kMaxCategoricalInputs; ++i) {
    EXPECT_THAT(command->categories[static_cast<std::size_t>(i)].buckets, ElementsAre(i));
  }
  request.mutable_inputs()->RemoveLast();
  request.mutable_raw_input_contents()->RemoveLast();
  const auto missing = Decode(request, *network);
  EXPECT_THAT(missing, FailsAt("inputs", "REQUIRED_FIELD"));
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("and 1016 more; \"c0\""));
}

TEST(InferenceInputsTest, EveryInputIsDescribed) {
  inference::ModelMetadataResponse response;
  EncodeMetadata("m", Mixed(), {}, &response);
  ASSERT_EQ(response.inputs_size(), 3);
  EXPECT_EQ(response.inputs(0).name(), "inputs");
  EXPECT_EQ(response.inputs(0).datatype(), "FP32");
  EXPECT_THAT(response.inputs(0).shape(), ElementsAre(-1, 2));
  EXPECT_EQ(response.inputs(1).name(), "shop");
  EXPECT_EQ(response.inputs(1).datatype(), "INT64");
  EXPECT_THAT(response.inputs(1).shape(), ElementsAre(-1));
  EXPECT_EQ(response.inputs(2).name(), "country");
  EXPECT_EQ(response.inputs(2).datatype(), "BYTES");
  EXPECT_THAT(response.inputs(2).shape(), ElementsAre(-1));
  response.Clear();
  EncodeMetadata("m", *NetworkOf(0, {Country()}), {}, &response);
  ASSERT_EQ(response.inputs_size(), 1);
  EXPECT_EQ(response.inputs(0).name(), "country");
}

}  // namespace
}  // namespace descent::wire
