#include "server/wire/tensor.h"

#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/losses/kinds.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/wire/element_type.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/text_message.h"

namespace descent::wire {
namespace {

using descent::testing::DenseNetwork;
using descent::testing::FailsAt;
using descent::testing::IsOk;
using descent::testing::MakeNetwork;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

template <typename T>
v1::Tensor RawTensor(v1::DataType data_type, std::initializer_list<std::int64_t> shape,
                     const std::vector<T>& values) {
  v1::Tensor tensor;
  tensor.set_data_type(data_type);
  for (const std::int64_t dimension : shape) tensor.add_shape(dimension);
  tensor.set_raw(values.data(), values.size() * sizeof(T));
  return tensor;
}

std::vector<double> Values(const Matrix& matrix) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < matrix.size(); ++i) values.push_back(matrix.buffer().At(i));
  return values;
}

std::shared_ptr<const Network> NetworkWith(const LossSpec& loss, std::int64_t outputs) {
  return MakeNetwork(DenseNetwork(3, {outputs}, IdentityActivation{}, loss, DataType::kFloat32));
}

// What every way of writing the matrix [[1, 2, 3], [4, 5, 6]] looks like.
std::vector<v1::Tensor> OneToSix() {
  std::vector<v1::Tensor> tensors = {
      RawTensor<float>(v1::DATA_TYPE_FLOAT32, {2, 3}, {1, 2, 3, 4, 5, 6}),
      RawTensor<double>(v1::DATA_TYPE_FLOAT64, {2, 3}, {1, 2, 3, 4, 5, 6}),
      RawTensor<std::int32_t>(v1::DATA_TYPE_INT32, {2, 3}, {1, 2, 3, 4, 5, 6}),
      RawTensor<std::int64_t>(v1::DATA_TYPE_INT64, {2, 3}, {1, 2, 3, 4, 5, 6}),
      RawTensor<std::uint8_t>(v1::DATA_TYPE_UINT8, {2, 3}, {1, 2, 3, 4, 5, 6}),
      RawTensor<std::uint16_t>(v1::DATA_TYPE_FLOAT16, {2, 3},
                               {0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600}),
      RawTensor<std::uint16_t>(v1::DATA_TYPE_BFLOAT16, {2, 3},
                               {0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0}),
  };
  for (const char* text : {
           "data_type: DATA_TYPE_FLOAT32 floats { values: [1, 2, 3, 4, 5, 6] }",
           "data_type: DATA_TYPE_FLOAT64 doubles { values: [1, 2, 3, 4, 5, 6] }",
           "data_type: DATA_TYPE_INT32 ints { values: [1, 2, 3, 4, 5, 6] }",
           "data_type: DATA_TYPE_INT64 ints { values: [1, 2, 3, 4, 5, 6] }",
           "data_type: DATA_TYPE_UINT8 ints { values: [1, 2, 3, 4, 5, 6] }",
       }) {
    tensors.push_back(FromText<v1::Tensor>(std::string("shape: 2 shape: 3 ") + text));
  }
  return tensors;
}

TEST(DecodeMatrixTest, EveryDataTypeAndEncodingBecomesTheNetworksType) {
  for (const v1::Tensor& tensor : OneToSix()) {
    for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
      const auto matrix = DecodeMatrix("inputs", tensor, kAnyRows, 3, type);
      ASSERT_THAT(matrix, IsOk()) << tensor.ShortDebugString();
      EXPECT_EQ(matrix->type(), type);
      EXPECT_EQ(matrix->rows(), 2);
      EXPECT_EQ(matrix->cols(), 3);
      EXPECT_THAT(Values(*matrix), ElementsAre(1, 2, 3, 4, 5, 6));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(matrix->buffer().bytes()) % kAlignment, 0U);
    }
  }
}

struct BadTensor {
  const char* name;
  const char* tensor;  // text format; [2, 3] of FLOAT32 is expected
  const char* field;
  const char* reason;
  const char* message;
};

constexpr BadTensor kBadTensors[] = {
    {"NoDataType", "shape: 2 shape: 3 floats { values: [1, 2, 3, 4, 5, 6] }", "inputs.data_type",
     "WRONG_DATA_TYPE", "inputs.data_type: required"},
    {"UnknownDataType", "data_type: 99 shape: 2 shape: 3 raw: ''", "inputs.data_type",
     "WRONG_DATA_TYPE", "inputs.data_type: unknown value 99"},
    {"NoContents", "data_type: DATA_TYPE_FLOAT32 shape: 2 shape: 3", "inputs", "MALFORMED_TENSOR",
     "inputs: no contents; set raw, floats, doubles or ints"},
    {"FloatsOfAnotherType", "data_type: DATA_TYPE_FLOAT64 shape: 0 floats {}", "inputs",
     "MALFORMED_TENSOR", "inputs: contents do not go with data type FLOAT64"},
    {"DoublesOfAnotherType", "data_type: DATA_TYPE_FLOAT32 shape: 0 doubles {}", "inputs",
     "MALFORMED_TENSOR", "inputs: contents do not go with data type FLOAT32"},
    {"IntsOfAnotherType", "data_type: DATA_TYPE_FLOAT32 shape: 0 ints {}", "inputs",
     "MALFORMED_TENSOR", "inputs: contents do not go with data type FLOAT32"},
    {"HalvesAsNumbers", "data_type: DATA_TYPE_FLOAT16 shape: 0 floats {}", "inputs",
     "MALFORMED_TENSOR", "inputs: contents do not go with data type FLOAT16"},
    {"ShortRaw", "data_type: DATA_TYPE_FLOAT32 shape: 2 shape: 3 raw: '12345678'", "inputs",
     "MALFORMED_TENSOR", "inputs: expected 24 bytes for shape [2, 3] of FLOAT32, got 8"},
    {"TooFewFloats", "data_type: DATA_TYPE_FLOAT32 shape: 2 shape: 3 floats { values: 1 }",
     "inputs", "MALFORMED_TENSOR", "inputs: expected 6 values for shape [2, 3] of FLOAT32, got 1"},
    {"TooManyDoubles", "data_type: DATA_TYPE_FLOAT64 shape: 1 doubles { values: [1, 2] }", "inputs",
     "MALFORMED_TENSOR", "inputs: expected 1 values for shape [1] of FLOAT64, got 2"},
    {"NegativeDimension", "data_type: DATA_TYPE_FLOAT32 shape: -2 shape: -3 raw: ''",
     "inputs.shape", "MALFORMED_TENSOR", "inputs.shape: expected dimensions >= 0, got -2"},
    {"AnyRowsIsNotAShape", "data_type: DATA_TYPE_FLOAT32 shape: -1 shape: 3 raw: ''",
     "inputs.shape", "MALFORMED_TENSOR", "inputs.shape: expected dimensions >= 0, got -1"},
    {"ProductOverflows", "data_type: DATA_TYPE_UINT8 shape: 4294967296 shape: 4294967296 raw: ''",
     "inputs.shape", "MALFORMED_TENSOR",
     "inputs.shape: the size of [4294967296, 4294967296] overflows"},
    {"BytesOverflow", "data_type: DATA_TYPE_FLOAT64 shape: 2305843009213693952 raw: ''",
     "inputs.shape", "MALFORMED_TENSOR",
     "inputs.shape: the size of [2305843009213693952] overflows"},
    {"HugeButConsistentWithNothing",
     "data_type: DATA_TYPE_FLOAT64 shape: 1000000000000 shape: 3 raw: ''", "inputs",
     "MALFORMED_TENSOR",
     "inputs: expected 24000000000000 bytes for shape [1000000000000, 3] of FLOAT64, got 0"},
    {"IntBeyondItsType", "data_type: DATA_TYPE_UINT8 shape: 2 ints { values: [255, 256] }",
     "inputs.ints", "MALFORMED_TENSOR",
     "inputs.ints: value 256 at index 1 is out of the range of UINT8"},
    {"NegativeIntBeyondItsType", "data_type: DATA_TYPE_INT32 shape: 1 ints { values: -2147483649 }",
     "inputs.ints", "MALFORMED_TENSOR",
     "inputs.ints: value -2147483649 at index 0 is out of the range of INT32"},
    {"Scalar", "data_type: DATA_TYPE_FLOAT32 floats { values: 1 }", "inputs", "WRONG_SHAPE",
     "inputs: expected shape [n, 3], got []"},
    {"Vector", "data_type: DATA_TYPE_FLOAT32 shape: 3 floats { values: [1, 2, 3] }", "inputs",
     "WRONG_SHAPE", "inputs: expected shape [n, 3], got [3]"},
    {"TooWide", "data_type: DATA_TYPE_FLOAT32 shape: 1 shape: 4 floats { values: [1, 2, 3, 4] }",
     "inputs", "WRONG_SHAPE", "inputs: expected shape [n, 3], got [1, 4]"},
    {"TooDeep",
     "data_type: DATA_TYPE_FLOAT32 shape: 1 shape: 3 shape: 1 floats { values: [1, 2, 3] }",
     "inputs", "WRONG_SHAPE", "inputs: expected shape [n, 3], got [1, 3, 1]"},
    {"NoRows", "data_type: DATA_TYPE_FLOAT32 shape: 0 shape: 3 raw: ''", "inputs", "WRONG_SHAPE",
     "inputs: expected shape [n, 3] with n >= 1, got [0, 3]"},
    {"ManyDimensions",
     "data_type: DATA_TYPE_UINT8 shape: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] raw: 'x'", "inputs",
     "WRONG_SHAPE", "inputs: expected shape [n, 3], got [1, 1, 1, 1, 1, 1, 1, 1, ...]"},
    {"NotANumber",
     "data_type: DATA_TYPE_FLOAT32 shape: 2 shape: 3 floats { values: [1, 2, 3, 4, nan, 6] }",
     "inputs", "NON_FINITE_VALUE",
     "inputs: expected finite FLOAT32 values, got nan at row 1, column 1"},
    {"Infinity", "data_type: DATA_TYPE_FLOAT64 shape: 1 shape: 3 doubles { values: [1, 2, -inf] }",
     "inputs", "NON_FINITE_VALUE",
     "inputs: expected finite FLOAT32 values, got -inf at row 0, column 2"},
    {"BeyondTheNetworksType",
     "data_type: DATA_TYPE_FLOAT64 shape: 1 shape: 3 doubles { values: [1e39, 2, 3] }", "inputs",
     "NON_FINITE_VALUE", "inputs: expected finite FLOAT32 values, got inf at row 0, column 0"},
};

class BadTensorTest : public ::testing::TestWithParam<BadTensor> {};

TEST_P(BadTensorTest, IsRefusedByFieldReasonAndMessage) {
  const auto matrix = DecodeMatrix("inputs", FromText<v1::Tensor>(GetParam().tensor), kAnyRows, 3,
                                   DataType::kFloat32);
  EXPECT_THAT(matrix, FailsAt(GetParam().field, GetParam().reason));
  EXPECT_EQ(matrix.status().message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(All, BadTensorTest, ::testing::ValuesIn(kBadTensors),
                         [](const auto& test) { return test.param.name; });

TEST(DecodeMatrixTest, ErrorsCarryShapesAndPlacesAsFacts) {
  const auto facts = [](const v1::Tensor& tensor) {
    const auto matrix = DecodeMatrix("inputs", tensor, 32, 13, DataType::kFloat64);
    return GetErrorDetails(matrix.status()).metadata;
  };
  EXPECT_THAT(facts(FromText<v1::Tensor>("data_type: DATA_TYPE_UINT8 shape: 1 shape: 2 raw: 'xy'")),
              UnorderedElementsAre(Pair("expected", "[32, 13]"), Pair("actual", "[1, 2]")));
  v1::Tensor tensor =
      RawTensor<float>(v1::DATA_TYPE_FLOAT32, {32, 13}, std::vector<float>(32 * 13));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(tensor.mutable_raw()->data() + (17 * 13 + 3) * sizeof(float), &nan, sizeof(nan));
  EXPECT_THAT(facts(tensor), UnorderedElementsAre(Pair("row", "17"), Pair("column", "3")));
}

TEST(DecodeTargetsTest, TakesValuesForEveryLoss) {
  for (const LossInfo& loss : Losses()) {
    const auto network = NetworkWith(loss.defaults, 2);
    // Allowed by all: in [0, 1], each row with the sum 1.
    const auto tensor = RawTensor<float>(v1::DATA_TYPE_FLOAT32, {3, 2}, {1, 0, 0.25F, 0.75F, 0, 1});
    const auto targets = DecodeTargets("targets", tensor, 3, *network);
    ASSERT_THAT(targets, IsOk()) << loss.name;
    EXPECT_THAT(Values(std::get<Matrix>(*targets)), ElementsAre(1, 0, 0.25, 0.75, 0, 1))
        << loss.name;
  }
}

TEST(DecodeTargetsTest, TakesClassIndicesOfEveryIntegerType) {
  const auto network = NetworkWith(SoftmaxCrossEntropyLoss{}, 10);
  const std::vector<v1::Tensor> tensors = {
      RawTensor<std::int32_t>(v1::DATA_TYPE_INT32, {3}, {0, 9, 4}),
      RawTensor<std::int64_t>(v1::DATA_TYPE_INT64, {3}, {0, 9, 4}),
      RawTensor<std::uint8_t>(v1::DATA_TYPE_UINT8, {3}, {0, 9, 4}),
      FromText<v1::Tensor>("data_type: DATA_TYPE_INT32 shape: 3 ints { values: [0, 9, 4] }"),
  };
  for (const v1::Tensor& tensor : tensors) {
    const auto targets = DecodeTargets("targets", tensor, 3, *network);
    ASSERT_THAT(targets, IsOk()) << tensor.ShortDebugString();
    EXPECT_THAT(std::get<ClassIndices>(*targets), ElementsAre(0, 9, 4));
  }
}

TEST(DecodeTargetsTest, TakesTheTwoClassesOfABinaryLoss) {
  const auto network = NetworkWith(BinaryCrossEntropyLoss{}, 1);
  const auto targets = DecodeTargets(
      "targets", RawTensor<std::int64_t>(v1::DATA_TYPE_INT64, {3}, {0, 1, 1}), 3, *network);
  ASSERT_THAT(targets, IsOk());
  EXPECT_THAT(std::get<ClassIndices>(*targets), ElementsAre(0, 1, 1));
}

TEST(DecodeTargetsTest, RefusesClassesThatNoOutputBelongsTo) {
  const auto network = NetworkWith(SoftmaxCrossEntropyLoss{}, 10);
  for (const std::int64_t bad : {std::int64_t{-1}, std::int64_t{10}, std::int64_t{1} << 32}) {
    const auto targets = DecodeTargets(
        "targets", RawTensor<std::int64_t>(v1::DATA_TYPE_INT64, {2}, {3, bad}), 2, *network);
    EXPECT_THAT(targets, FailsAt("targets", "INVALID_FIELD"));
    EXPECT_THAT(std::string(targets.status().message()), EndsWith(absl::StrCat("got ", bad)));
    EXPECT_EQ(GetErrorDetails(targets.status()).metadata.at("row"), "1");
  }
  const auto negative = DecodeTargets(
      "targets", RawTensor<std::int32_t>(v1::DATA_TYPE_INT32, {2}, {3, -7}), 2, *network);
  EXPECT_THAT(std::string(negative.status().message()), EndsWith("got -7"));
}

TEST(DecodeTargetsTest, OtherLossesTakeNoClassIndices) {
  for (const LossInfo& loss : Losses()) {
    const auto network = NetworkWith(loss.defaults, 2);
    if (network->loss().AcceptsClassIndices()) continue;
    const auto targets = DecodeTargets(
        "targets", RawTensor<std::int64_t>(v1::DATA_TYPE_INT64, {2}, {0, 1}), 2, *network);
    EXPECT_THAT(targets, FailsAt("targets", "WRONG_SHAPE")) << loss.name;
    EXPECT_EQ(targets.status().message(), "targets: expected shape [2, 2], got [2]") << loss.name;
  }
}

TEST(DecodeTargetsTest, AsksWhatTheLossAsks) {
  const auto network = NetworkWith(BinaryCrossEntropyLoss{}, 1);
  const auto targets = DecodeTargets(
      "targets", RawTensor<float>(v1::DATA_TYPE_FLOAT32, {2, 1}, {0.5F, 1.5F}), 2, *network);
  EXPECT_EQ(targets.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetails(targets.status()).field, "targets");
  EXPECT_EQ(GetErrorDetails(targets.status()).metadata.at("row"), "1");
}

TEST(DecodeWeightsTest, AreOneANonNegativeNumberARow) {
  const auto network = NetworkWith(MeanSquaredErrorLoss{}, 1);
  const auto decode = [&](const v1::Tensor& tensor) {
    return DecodeWeights("weights", tensor, 2, *network);
  };
  const auto weights = decode(RawTensor<float>(v1::DATA_TYPE_FLOAT32, {2}, {0, 2.5F}));
  ASSERT_THAT(weights, IsOk());
  EXPECT_EQ(weights->rows(), 2);
  EXPECT_EQ(weights->cols(), 1);
  EXPECT_THAT(Values(*weights), ElementsAre(0, 2.5));

  EXPECT_THAT(decode(RawTensor<float>(v1::DATA_TYPE_FLOAT32, {2, 1}, {1, 2})),
              FailsAt("weights", "WRONG_SHAPE"));
  EXPECT_THAT(decode(RawTensor<float>(v1::DATA_TYPE_FLOAT32, {3}, {1, 2, 3})),
              FailsAt("weights", "WRONG_SHAPE"));
  EXPECT_THAT(decode(RawTensor<float>(v1::DATA_TYPE_FLOAT32, {2}, {1, -2})),
              FailsAt("weights", "NEGATIVE_WEIGHT"));
  EXPECT_THAT(decode(RawTensor<float>(v1::DATA_TYPE_FLOAT32, {2}, {0, 0})),
              FailsAt("weights", "ZERO_WEIGHTS"));
  const auto nan = decode(
      RawTensor<float>(v1::DATA_TYPE_FLOAT32, {2}, {1, std::numeric_limits<float>::quiet_NaN()}));
  EXPECT_THAT(nan, FailsAt("weights", "NON_FINITE_VALUE"));
  EXPECT_EQ(nan.status().message(), "weights: expected finite FLOAT32 values, got nan at row 1");
}

TEST(DecodeIntoTest, FillsItsPlaceAndNothingElse) {
  Buffer out(DataType::kFloat64, 10);
  ASSERT_THAT(DecodeInto("t", RawTensor<float>(v1::DATA_TYPE_FLOAT32, {2, 2}, {1, 2, 3, 4}), {2, 2},
                         Conversion::kLossless, 3, &out),
              IsOk());
  for (std::int64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(out.At(i), i >= 3 && i < 7 ? static_cast<double>(i - 2) : 0);
  }
}

TEST(DecodeIntoTest, LosesDigitsOnlyWhenAllowed) {
  const auto tensor = RawTensor<double>(v1::DATA_TYPE_FLOAT64, {1}, {0.1});
  Buffer out(DataType::kFloat32, 1);
  EXPECT_THAT(DecodeInto("t", tensor, {1}, Conversion::kAny, 0, &out), IsOk());
  EXPECT_EQ(out.data<float>()[0], 0.1F);
  const absl::Status status = DecodeInto("t", tensor, {1}, Conversion::kLossless, 0, &out);
  EXPECT_THAT(status, FailsAt("t.data_type", "WRONG_DATA_TYPE"));
  EXPECT_EQ(status.message(), "t.data_type: expected FLOAT32, got FLOAT64");
}

// What comes back for inputs written in some way, from networks of both types.
struct EncodingCase {
  Encoding encoding;
  DataType network;
  v1::DataType data_type;
  v1::Tensor::ContentsCase contents;
};

constexpr EncodingCase kEncodings[] = {
    {Encoding::kRaw, DataType::kFloat32, v1::DATA_TYPE_FLOAT32, v1::Tensor::kRaw},
    {Encoding::kRaw, DataType::kFloat64, v1::DATA_TYPE_FLOAT64, v1::Tensor::kRaw},
    {Encoding::kFloats, DataType::kFloat32, v1::DATA_TYPE_FLOAT32, v1::Tensor::kFloats},
    {Encoding::kFloats, DataType::kFloat64, v1::DATA_TYPE_FLOAT32, v1::Tensor::kFloats},
    {Encoding::kDoubles, DataType::kFloat32, v1::DATA_TYPE_FLOAT64, v1::Tensor::kDoubles},
    {Encoding::kDoubles, DataType::kFloat64, v1::DATA_TYPE_FLOAT64, v1::Tensor::kDoubles},
    {Encoding::kNumbers, DataType::kFloat32, v1::DATA_TYPE_FLOAT32, v1::Tensor::kFloats},
    {Encoding::kNumbers, DataType::kFloat64, v1::DATA_TYPE_FLOAT64, v1::Tensor::kDoubles},
};

TEST(EncodeTensorTest, WritesInEveryEncodingWhatReadsBackTheSame) {
  for (const EncodingCase& c : kEncodings) {
    const Matrix matrix = descent::testing::RandomMatrix(c.network, 5, 3, 1);
    v1::Tensor tensor;
    EncodeMatrix(matrix, c.encoding, &tensor);
    EXPECT_EQ(tensor.data_type(), c.data_type);
    EXPECT_EQ(tensor.contents_case(), c.contents);
    EXPECT_THAT(tensor.shape(), ElementsAre(5, 3));
    const auto decoded = DecodeMatrix("t", tensor, 5, 3, c.network);
    ASSERT_THAT(decoded, IsOk());
    for (std::int64_t i = 0; i < matrix.size(); ++i) {
      const double sent = matrix.buffer().At(i);
      const bool rounded = c.data_type == v1::DATA_TYPE_FLOAT32;
      EXPECT_EQ(decoded->buffer().At(i),
                rounded ? static_cast<double>(static_cast<float>(sent)) : sent);
    }
  }
}

TEST(EncodeTensorTest, WritesAPartOfABuffer) {
  Buffer values(DataType::kFloat32, 8);
  for (std::int64_t i = 0; i < 8; ++i) values.Set(i, static_cast<double>(i));
  v1::Tensor tensor;
  EncodeTensor(values, 2, {3}, Encoding::kFloats, &tensor);
  EXPECT_THAT(tensor.shape(), ElementsAre(3));
  EXPECT_THAT(tensor.floats().values(), ElementsAre(2, 3, 4));
}

TEST(EncodeTensorTest, WritesAScalarWithoutDimensions) {
  v1::Tensor tensor;
  EncodeScalar(1.5, DataType::kFloat64, Encoding::kNumbers, &tensor);
  EXPECT_EQ(tensor.shape_size(), 0);
  EXPECT_THAT(tensor.doubles().values(), ElementsAre(1.5));
}

TEST(EncodeTensorTest, WritesNoInfinityForWhatIsBeyondFloats) {
  Matrix matrix(DataType::kFloat64, 1, 2);
  matrix.Set(0, 1, -1e39);
  v1::Tensor tensor;
  EncodeMatrix(matrix, Encoding::kFloats, &tensor);
  EXPECT_EQ(tensor.data_type(), v1::DATA_TYPE_FLOAT64);
  EXPECT_THAT(tensor.doubles().values(), ElementsAre(0, -1e39));
  for (const Encoding encoding :
       {Encoding::kRaw, Encoding::kFloats, Encoding::kDoubles, Encoding::kNumbers}) {
    v1::Tensor scalar;
    EncodeScalar(1e39, DataType::kFloat32, encoding, &scalar);
    EXPECT_EQ(scalar.data_type(), v1::DATA_TYPE_FLOAT64);
    Buffer decoded(DataType::kFloat64, 1);
    ASSERT_THAT(DecodeInto("t", scalar, {}, Conversion::kAny, 0, &decoded), IsOk());
    EXPECT_EQ(decoded.At(0), 1e39);
  }
}

TEST(EncodingOfTest, AnswersInTheEncodingOfTheInputs) {
  EXPECT_EQ(EncodingOf(FromText<v1::Tensor>("raw: ''")), Encoding::kRaw);
  EXPECT_EQ(EncodingOf(FromText<v1::Tensor>("floats {}")), Encoding::kFloats);
  EXPECT_EQ(EncodingOf(FromText<v1::Tensor>("doubles {}")), Encoding::kDoubles);
  EXPECT_EQ(EncodingOf(FromText<v1::Tensor>("ints {}")), Encoding::kNumbers);
  EXPECT_EQ(EncodingOf(v1::Tensor()), Encoding::kRaw);
}

}  // namespace
}  // namespace descent::wire
