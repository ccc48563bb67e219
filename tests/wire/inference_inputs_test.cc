// Categorical inputs in the Open Inference Protocol: ids and texts in every form, and everything
// that can be wrong with them.

#include "server/wire/inference_inputs.h"

#include <cstring>
#include <functional>
#include <limits>
#include <memory>
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
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/text_message.h"

namespace descent::wire {
namespace {

using descent::testing::DenseNetwork;
using descent::testing::FailsAt;
using descent::testing::IsOk;
using descent::testing::MakeNetwork;
using inference::InferTensorContents;
using inference::ModelInferRequest;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

CategoricalInputSpec Shop() { return {.name = "shop", .buckets = 200, .dimension = 2}; }
CategoricalInputSpec Country() {
  return {.name = "country", .buckets = 1000, .dimension = 3, .hashing = Hashing::kXxh64};
}

std::shared_ptr<const Network> NetworkOf(std::int64_t features,
                                         std::vector<CategoricalInputSpec> inputs) {
  NetworkSpec spec =
      DenseNetwork(features, {2}, IdentityActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32);
  spec.categorical_inputs = std::move(inputs);
  return MakeNetwork(spec);
}

// "inputs" of two features, "shop" by ids, "country" by ids and texts.
const Network& Mixed() {
  static const auto* const network =
      new std::shared_ptr<const Network>(NetworkOf(2, {Shop(), Country()}));
  return **network;
}

template <typename T>
std::string Raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string RawTexts(const std::vector<std::string>& texts) {
  std::string raw;
  for (const std::string& text : texts) {
    const auto length = static_cast<std::uint32_t>(text.size());
    raw.append(reinterpret_cast<const char*>(&length), sizeof length).append(text);
  }
  return raw;
}

ModelInferRequest::InferInputTensor* Add(ModelInferRequest* request, const std::string& name,
                                         const std::string& datatype,
                                         const std::vector<std::int64_t>& shape) {
  auto* const input = request->add_inputs();
  input->set_name(name);
  input->set_datatype(datatype);
  input->mutable_shape()->Assign(shape.begin(), shape.end());
  return input;
}

void AddRaw(ModelInferRequest* request, const std::string& name, const std::string& datatype,
            const std::vector<std::int64_t>& shape, const std::string& raw) {
  Add(request, name, datatype, shape);
  request->add_raw_input_contents(raw);
}

// Three rows of Mixed(): shops 0, 7 and 199, and countries.
ModelInferRequest MixedRequest() {
  ModelInferRequest request;
  AddRaw(&request, "inputs", "FP32", {3, 2}, Raw<float>({1, 2, 3, 4, 5, 6}));
  AddRaw(&request, "shop", "INT64", {3}, Raw<std::int64_t>({0, 7, 199}));
  AddRaw(&request, "country", "BYTES", {3}, RawTexts({"CH", "", "Côte d'Ivoire"}));
  return request;
}

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

TEST(InferenceInputsTest, EachMistakeNamesItsField) {
  using Request = ModelInferRequest;
  const auto remove = [](Request* r, int index) {
    r->mutable_inputs()->DeleteSubrange(index, 1);
    r->mutable_raw_input_contents()->DeleteSubrange(index, 1);
  };
  // The input at `index`, of other texts than it had.
  const auto texts = [](Request* r, const std::string& raw) {
    *r->mutable_raw_input_contents(2) = raw;
  };
  // All of it typed, and so to be filled.
  const auto typed = [](Request* r) {
    r->clear_raw_input_contents();
    const char* const contents[] = {"fp32_contents: [1, 2, 3, 4, 5, 6]",
                                    "int64_contents: [0, 7, 199]",
                                    "bytes_contents: ['CH', '', 'FR']"};
    for (int i = 0; i < 3; ++i) {
      *r->mutable_inputs(i)->mutable_contents() = FromText<InferTensorContents>(contents[i]);
    }
  };
  const struct {
    const char* name;
    std::function<void(Request*)> spoil;
    const char* field;
    const char* reason;
    const char* message;
  } cases[] = {
      {"no numbers", [&](Request* r) { remove(r, 0); }, "inputs", "REQUIRED_FIELD",
       R"(expected "inputs", "shop", "country"; "inputs" is missing)"},
      {"no ids", [&](Request* r) { remove(r, 1); }, "inputs", "REQUIRED_FIELD",
       R"("shop" is missing)"},
      {"no texts", [&](Request* r) { remove(r, 2); }, "inputs", "REQUIRED_FIELD",
       R"("country" is missing)"},
      {"an unknown input", [](Request* r) { r->mutable_inputs(2)->set_name("land"); },
       "inputs[2].name", "UNKNOWN_TENSOR", R"(no "land", only "inputs", "shop", "country")"},
      {"an input twice", [](Request* r) { r->mutable_inputs(2)->set_name("shop"); },
       "inputs[2].name", "CONTRADICTORY_FIELDS", R"("shop" is there twice)"},
      {"numbers twice", [](Request* r) { r->mutable_inputs(2)->set_name("inputs"); },
       "inputs[2].name", "CONTRADICTORY_FIELDS", R"("inputs" is there twice)"},
      {"no name", [](Request* r) { r->mutable_inputs(1)->clear_name(); }, "inputs[1].name",
       "REQUIRED_FIELD", "required"},
      {"no datatype", [](Request* r) { r->mutable_inputs(1)->clear_datatype(); },
       "inputs[1].datatype", "WRONG_DATA_TYPE", "required"},
      {"an unknown datatype", [](Request* r) { r->mutable_inputs(1)->set_datatype("int64"); },
       "inputs[1].datatype", "WRONG_DATA_TYPE", R"(unknown datatype "int64")"},
      {"ids that are floats", [](Request* r) { r->mutable_inputs(1)->set_datatype("FP64"); },
       "inputs[1].datatype", "WRONG_DATA_TYPE", "expected ids of shop"},
      {"ids that are truths", [](Request* r) { r->mutable_inputs(2)->set_datatype("BOOL"); },
       "inputs[2].datatype", "WRONG_DATA_TYPE", "or texts, of BYTES, got BOOL"},
      {"texts without hashing", [](Request* r) { r->mutable_inputs(1)->set_datatype("BYTES"); },
       "inputs[1].datatype", "INVALID_FIELD", "takes ids of shop"},
      {"numbers that are texts", [](Request* r) { r->mutable_inputs(0)->set_datatype("BYTES"); },
       "inputs[0].datatype", "WRONG_DATA_TYPE", "not BYTES"},
      {"a row less", [](Request* r) { r->mutable_inputs(1)->set_shape(0, 2); }, "inputs[1]",
       "WRONG_SHAPE", "expected shape [3] or [3, k] with k >= 1, got [2]"},
      {"a row more as a column",
       [](Request* r) {
         r->mutable_inputs(2)->set_shape(0, 4);
         r->mutable_inputs(2)->add_shape(1);
       },
       "inputs[2]", "WRONG_SHAPE", "expected shape [3] or [3, k] with k >= 1, got [4, 1]"},
      {"none a row",
       [](Request* r) {
         r->mutable_inputs(1)->add_shape(0);
         r->mutable_raw_input_contents(1)->clear();
       },
       "inputs[1]", "WRONG_SHAPE", "expected shape [3] or [3, k] with k >= 1, got [3, 0]"},
      {"none a row of as many as there may be",
       [](Request* r) {
         r->mutable_inputs(1)->set_shape(0, kMost);
         r->mutable_inputs(1)->add_shape(0);
         r->mutable_raw_input_contents(1)->clear();
       },
       "inputs[1]", "WRONG_SHAPE", "got [9223372036854775807, 0]"},
      {"a cube",
       [](Request* r) {
         r->mutable_inputs(1)->add_shape(1);
         r->mutable_inputs(1)->add_shape(1);
       },
       "inputs[1]", "WRONG_SHAPE", "got [3, 1, 1]"},
      {"fewer ids than several a row", [](Request* r) { r->mutable_inputs(1)->add_shape(2); },
       "raw_input_contents[1]", "MALFORMED_TENSOR",
       "expected 48 bytes for shape [3, 2] of INT64, got 24"},
      {"fewer texts than several a row", [](Request* r) { r->mutable_inputs(2)->add_shape(7); },
       "raw_input_contents[2]", "MALFORMED_TENSOR",
       "at least 4 bytes for each of 21 texts for shape [3, 7] of BYTES"},
      {"more a row than there can be", [](Request* r) { r->mutable_inputs(1)->add_shape(kMost); },
       "inputs[1].shape", "MALFORMED_TENSOR", "overflows"},
      {"a text less than several a row",
       [&](Request* r) {
         r->mutable_inputs(2)->add_shape(2);
         texts(r, RawTexts({"CH", "", "FR", "IT", "Helvetia"}));
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR",
       "expected a length of 4 bytes at byte 34, of row 2, column 1, got 0"},
      {"an id of several a row out of range",
       [](Request* r) {
         r->mutable_inputs(1)->add_shape(2);
         *r->mutable_raw_input_contents(1) = Raw<std::int64_t>({0, -1, 7, 200, 199, -1});
       },
       "inputs[1]", "INVALID_FIELD",
       "expected an id in [0, 200), or -1 for no category, got 200 at row 1, column 1"},
      {"an id below that of no category",
       [](Request* r) {
         *r->mutable_raw_input_contents(1) = Raw<std::int64_t>({0, -2, -1});
       },
       "inputs[1]", "INVALID_FIELD",
       "expected an id in [0, 200), or -1 for no category, got -2 at row 1"},
      {"padding that is a number",
       [](Request* r) { (*r->mutable_parameters())["padded_categories"].set_int64_param(1); },
       "parameters.padded_categories", "INVALID_FIELD", "expected a bool_param"},
      {"no shape", [](Request* r) { r->mutable_inputs(1)->clear_shape(); }, "inputs[1]",
       "WRONG_SHAPE", "expected shape [3] or [3, k] with k >= 1, got []"},
      {"numbers of fewer rows",
       [](Request* r) {
         r->mutable_inputs()->SwapElements(0, 1);
         r->mutable_raw_input_contents()->SwapElements(0, 1);
         r->mutable_inputs(1)->set_shape(0, 2);
       },
       "inputs[1]", "WRONG_SHAPE", "expected shape [3, 2], got [2, 2]"},
      {"a free dimension", [](Request* r) { r->mutable_inputs(2)->set_shape(0, -1); },
       "inputs[2].shape", "MALFORMED_TENSOR", "-1"},
      {"an overflow", [](Request* r) { r->mutable_inputs(2)->set_shape(0, kMost); },
       "inputs[2].shape", "MALFORMED_TENSOR", "overflows"},
      {"a byte less", [](Request* r) { r->mutable_raw_input_contents(1)->pop_back(); },
       "raw_input_contents[1]", "MALFORMED_TENSOR",
       "expected 24 bytes for shape [3] of INT64, got 23"},
      {"a raw entry less", [](Request* r) { r->mutable_raw_input_contents()->RemoveLast(); },
       "raw_input_contents", "MALFORMED_TENSOR", "each of 3 inputs, or none at all, got 2"},
      {"raw and typed",
       [](Request* r) { r->mutable_inputs(2)->mutable_contents()->add_bytes_contents("CH"); },
       "inputs[2].contents", "CONTRADICTORY_FIELDS", "set already"},
      {"raw and typed ids",
       [](Request* r) { r->mutable_inputs(1)->mutable_contents()->add_int64_contents(1); },
       "inputs[1].contents", "CONTRADICTORY_FIELDS", "set already"},
      {"shared memory",
       [](Request* r) {
         (*r->mutable_inputs(2)->mutable_parameters())["shared_memory_region"].set_string_param(
             "region");
       },
       "inputs[2].parameters.shared_memory_region", "UNSUPPORTED_PARAMETER", "leave it away"},
      {"a text less",
       [&](Request* r) {
         texts(r, RawTexts({"CH", "Helvetia"}));
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR",
       "expected a length of 4 bytes at byte 18, of row 2, got 0"},
      {"a text more",
       [&](Request* r) {
         texts(r, RawTexts({"CH", "", "FR", ""}));
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR",
       "an end behind 3 texts, at byte 16, got 4 bytes more"},
      {"hardly anything",
       [&](Request* r) {
         texts(r, RawTexts({"", ""}));
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR",
       "at least 4 bytes for each of 3 texts for shape [3] of BYTES, got 8"},
      {"a length that is too large",
       [&](Request* r) {
         texts(r, RawTexts({"CH", "FR"}) + std::string("\xff\xff\xff\xff", 4));
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR", "a text of 4294967295 bytes"},
      {"half a length",
       [&](Request* r) {
         texts(r, RawTexts({"CH", "FR"}) + "ab");
       },
       "raw_input_contents[2]", "MALFORMED_TENSOR", "at byte 12, of row 2, got 2"},
      {"typed texts less",
       [&](Request* r) {
         typed(r);
         r->mutable_inputs(2)->mutable_contents()->mutable_bytes_contents()->RemoveLast();
       },
       "inputs[2].contents.bytes_contents", "MALFORMED_TENSOR", "expected 3 values"},
      {"texts among ids",
       [&](Request* r) {
         typed(r);
         r->mutable_inputs(1)->mutable_contents()->add_bytes_contents("CH");
       },
       "inputs[1].contents.bytes_contents", "MALFORMED_TENSOR", "INT64 is in int64_contents"},
      {"ids among texts",
       [&](Request* r) {
         typed(r);
         r->mutable_inputs(2)->mutable_contents()->add_int64_contents(1);
       },
       "inputs[2].contents.int64_contents", "MALFORMED_TENSOR", "BYTES is in bytes_contents"},
      {"typed ids out of range",
       [&](Request* r) {
         typed(r);
         r->mutable_inputs(1)->mutable_contents()->set_int64_contents(2, 200);
       },
       "inputs[1]", "INVALID_FIELD", "got 200 at row 2"},
  };
  for (const auto& [name, spoil, field, reason, message] : cases) {
    ModelInferRequest request = MixedRequest();
    spoil(&request);
    const auto command = Decode(request, Mixed());
    EXPECT_THAT(command, FailsAt(field, reason)) << name;
    EXPECT_THAT(std::string(command.status().message()), HasSubstr(message)) << name;
  }
  ModelInferRequest request = MixedRequest();
  typed(&request);
  EXPECT_THAT(Decode(request, Mixed()), IsOk());
}

TEST(InferenceInputsTest, RowsThatNobodySentAreNotMade) {
  const auto network = NetworkOf(0, {Shop(), Country()});
  for (const char* datatype : {"INT64", "BYTES"}) {
    ModelInferRequest request;
    AddRaw(&request, "country", datatype, {std::int64_t{1} << 50}, std::string(16, '\0'));
    EXPECT_THAT(Decode(request, *network), FailsAt("raw_input_contents[0]", "MALFORMED_TENSOR"));
    request.mutable_inputs(0)->set_shape(0, 2);
    request.mutable_inputs(0)->add_shape(std::int64_t{1} << 50);
    EXPECT_THAT(Decode(request, *network), FailsAt("raw_input_contents[0]", "MALFORMED_TENSOR"));
    request.clear_raw_input_contents();
    EXPECT_FALSE(Decode(request, *network).ok());
  }
  ModelInferRequest request;
  AddRaw(&request, "country", "BYTES", {0}, "");
  EXPECT_THAT(Decode(request, *network), FailsAt("inputs[0]", "WRONG_SHAPE"));
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
