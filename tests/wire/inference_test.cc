// The Open Inference Protocol's messages: every datatype, raw and typed, and everything that can be
// wrong with them.

#include "server/wire/inference.h"

#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "google/protobuf/message.h"
#include "google/protobuf/unknown_field_set.h"
#include "gtest/gtest.h"
#include "server/wire/inference_type.h"
#include "tests/support/random_network.h"
#include "tests/support/status_matchers.h"
#include "tests/wire/text_message.h"

namespace descent::wire {
namespace {

using descent::testing::DenseNetwork;
using descent::testing::FailsAt;
using descent::testing::IsOk;
using descent::testing::IsOkAndHolds;
using descent::testing::MakeNetwork;
using descent::testing::ReasonIs;
using descent::testing::StatusIs;
using inference::ModelInferRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Three inputs, two outputs.
const Network& NetworkOf(DataType type) {
  static const auto* const networks = new std::vector<std::shared_ptr<const Network>>{
      MakeNetwork(
          DenseNetwork(3, {2}, IdentityActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat32)),
      MakeNetwork(
          DenseNetwork(3, {2}, IdentityActivation{}, MeanSquaredErrorLoss{}, DataType::kFloat64)),
  };
  return *(*networks)[type == DataType::kFloat32 ? 0 : 1];
}

ModelInferRequest RequestOf(const std::string& datatype, std::int64_t rows = 1) {
  ModelInferRequest request;
  request.set_model_name("m");
  auto* input = request.add_inputs();
  input->set_name("inputs");
  input->set_datatype(datatype);
  input->add_shape(rows);
  input->add_shape(3);
  return request;
}

template <typename T>
ModelInferRequest RawRequest(const std::string& datatype, const std::vector<T>& values) {
  ModelInferRequest request = RequestOf(datatype, static_cast<std::int64_t>(values.size()) / 3);
  request.add_raw_input_contents(values.data(), values.size() * sizeof(T));
  return request;
}

ModelInferRequest TypedRequest(const std::string& datatype, const std::string& contents) {
  ModelInferRequest request = RequestOf(datatype);
  *request.mutable_inputs(0)->mutable_contents() =
      FromText<inference::InferTensorContents>(contents);
  return request;
}

std::vector<double> ValuesOf(const Matrix& matrix) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < matrix.size(); ++i) values.push_back(matrix.buffer().At(i));
  return values;
}

// [[1, 0, 1]] in every datatype, and every way to write it.
std::vector<ModelInferRequest> OneZeroOne() {
  return {
      RawRequest<float>("FP32", {1, 0, 1}),
      RawRequest<double>("FP64", {1, 0, 1}),
      RawRequest<std::uint16_t>("FP16", {0x3c00, 0x8000, 0x3c00}),
      RawRequest<std::uint16_t>("BF16", {0x3f80, 0, 0x3f80}),
      RawRequest<std::int8_t>("INT8", {1, 0, 1}),
      RawRequest<std::int16_t>("INT16", {1, 0, 1}),
      RawRequest<std::int32_t>("INT32", {1, 0, 1}),
      RawRequest<std::int64_t>("INT64", {1, 0, 1}),
      RawRequest<std::uint8_t>("UINT8", {1, 0, 1}),
      RawRequest<std::uint16_t>("UINT16", {1, 0, 1}),
      RawRequest<std::uint32_t>("UINT32", {1, 0, 1}),
      RawRequest<std::uint64_t>("UINT64", {1, 0, 1}),
      RawRequest<std::uint8_t>("BOOL", {1, 0, 255}),
      TypedRequest("FP32", "fp32_contents: [1, 0, 1]"),
      TypedRequest("FP64", "fp64_contents: [1, 0, 1]"),
      TypedRequest("INT8", "int_contents: [1, 0, 1]"),
      TypedRequest("INT16", "int_contents: [1, 0, 1]"),
      TypedRequest("INT32", "int_contents: [1, 0, 1]"),
      TypedRequest("INT64", "int64_contents: [1, 0, 1]"),
      TypedRequest("UINT8", "uint_contents: [1, 0, 1]"),
      TypedRequest("UINT16", "uint_contents: [1, 0, 1]"),
      TypedRequest("UINT32", "uint_contents: [1, 0, 1]"),
      TypedRequest("UINT64", "uint64_contents: [1, 0, 1]"),
      TypedRequest("BOOL", "bool_contents: [true, false, true]"),
  };
}

TEST(InferenceTest, EveryDatatypeRawAndTypedBecomesTheNetworksNumbers) {
  for (const ModelInferRequest& request : OneZeroOne()) {
    for (const DataType type : {DataType::kFloat32, DataType::kFloat64}) {
      const auto command = Decode(request, NetworkOf(type));
      ASSERT_THAT(command, IsOk()) << request.ShortDebugString();
      EXPECT_EQ(command->inputs.type(), type);
      EXPECT_THAT(ValuesOf(command->inputs), ElementsAre(1, 0, 1)) << request.ShortDebugString();
      EXPECT_FALSE(command->raw_outputs);
    }
  }
}

TEST(InferenceTest, TheRequestsAboveHaveEveryDatatypeInEveryWay) {
  std::size_t ways = 0;
  for (const InferenceType& type : InferenceTypes()) ways += type.typed == nullptr ? 1 : 2;
  EXPECT_THAT(OneZeroOne(), SizeIs(ways));
}

TEST(InferenceTest, TheEndsOfEveryIntegersRangeAreItsOwn) {
  const Network& network = NetworkOf(DataType::kFloat64);
  const auto first_two = [&](const ModelInferRequest& request) {
    const auto command = Decode(request, network);
    EXPECT_THAT(command, IsOk());
    std::vector<double> values = command.ok() ? ValuesOf(command->inputs) : std::vector<double>(3);
    values.pop_back();
    return values;
  };
  EXPECT_THAT(first_two(RawRequest<std::int8_t>("INT8", {-128, 127, 0})), ElementsAre(-128, 127));
  EXPECT_THAT(first_two(RawRequest<std::int16_t>("INT16", {-32768, 32767, 0})),
              ElementsAre(-32768, 32767));
  EXPECT_THAT(first_two(RawRequest<std::uint16_t>("UINT16", {65535, 0, 0})), ElementsAre(65535, 0));
  EXPECT_THAT(first_two(RawRequest<std::uint32_t>("UINT32", {4294967295U, 0, 0})),
              ElementsAre(4294967295.0, 0));
  EXPECT_THAT(first_two(RawRequest<std::uint64_t>("UINT64", {~std::uint64_t{0}, 0, 0})),
              ElementsAre(0x1p64, 0));
  EXPECT_THAT(first_two(TypedRequest("UINT64", "uint64_contents: [18446744073709551615, 0, 0]")),
              ElementsAre(0x1p64, 0));
  EXPECT_THAT(first_two(TypedRequest("INT64", "int64_contents: [-9223372036854775808, 0, 0]")),
              ElementsAre(-0x1p63, 0));
  EXPECT_THAT(first_two(TypedRequest("UINT32", "uint_contents: [4294967295, 0, 0]")),
              ElementsAre(4294967295.0, 0));
}

TEST(InferenceTest, ATypedValueOutsideItsDatatypeIsRefused) {
  const struct {
    const char* datatype;
    const char* contents;
    const char* field;
  } cases[] = {
      {"INT8", "int_contents: [0, 128, 0]", "inputs[0].contents.int_contents"},
      {"INT8", "int_contents: [0, -129, 0]", "inputs[0].contents.int_contents"},
      {"INT16", "int_contents: [0, 32768, 0]", "inputs[0].contents.int_contents"},
      {"UINT8", "uint_contents: [0, 256, 0]", "inputs[0].contents.uint_contents"},
      {"UINT16", "uint_contents: [0, 65536, 0]", "inputs[0].contents.uint_contents"},
  };
  for (const auto& [datatype, contents, field] : cases) {
    const auto command = Decode(TypedRequest(datatype, contents), NetworkOf(DataType::kFloat32));
    EXPECT_THAT(command, FailsAt(field, "MALFORMED_TENSOR")) << contents;
    EXPECT_EQ(GetErrorDetails(command.status()).metadata.at("index"), "1");
  }
}

TEST(InferenceTest, WhatDoesNotStayFiniteIsRefusedWithItsPlace) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const Network& network = NetworkOf(DataType::kFloat32);
  const ModelInferRequest requests[] = {
      RawRequest<float>("FP32", {0, 0, 0, 0, kInfinity, 0}),
      RawRequest<double>("FP64", {0, 0, 0, 0, 1e300, 0}),
      RawRequest<std::uint16_t>("FP16", {0, 0, 0, 0, 0x7c00, 0}),
      RawRequest<std::uint16_t>("BF16", {0, 0, 0, 0, 0x7fc0, 0}),
  };
  for (const ModelInferRequest& request : requests) {
    const auto command = Decode(request, network);
    EXPECT_THAT(command, FailsAt("inputs[0]", "NON_FINITE_VALUE")) << request.ShortDebugString();
    const ErrorDetails details = GetErrorDetails(command.status());
    EXPECT_EQ(details.metadata.at("row"), "1");
    EXPECT_EQ(details.metadata.at("column"), "1");
  }
  EXPECT_THAT(
      Decode(RawRequest<double>("FP64", {0, 0, 0, 0, 1e300, 0}), NetworkOf(DataType::kFloat64)),
      IsOk());
}

TEST(InferenceTest, EachMistakeNamesItsField) {
  using Request = ModelInferRequest;
  const struct {
    const char* name;
    std::function<void(Request*)> spoil;
    const char* field;
    const char* reason;
  } cases[] = {
      {"no input", [](Request* r) { r->clear_inputs(); }, "inputs", "REQUIRED_FIELD"},
      {"two inputs", [](Request* r) { *r->add_inputs() = r->inputs(0); }, "raw_input_contents",
       "MALFORMED_TENSOR"},
      {"an input twice",
       [](Request* r) {
         *r->add_inputs() = r->inputs(0);
         r->add_raw_input_contents(r->raw_input_contents(0));
       },
       "inputs[1].name", "CONTRADICTORY_FIELDS"},
      {"another input beside it",
       [](Request* r) {
         *r->add_inputs() = r->inputs(0);
         r->mutable_inputs(1)->set_name("country");
         r->add_raw_input_contents(r->raw_input_contents(0));
       },
       "inputs[1].name", "UNKNOWN_TENSOR"},
      {"no name", [](Request* r) { r->mutable_inputs(0)->clear_name(); }, "inputs[0].name",
       "REQUIRED_FIELD"},
      {"another name", [](Request* r) { r->mutable_inputs(0)->set_name("x"); }, "inputs[0].name",
       "UNKNOWN_TENSOR"},
      {"no datatype", [](Request* r) { r->mutable_inputs(0)->clear_datatype(); },
       "inputs[0].datatype", "WRONG_DATA_TYPE"},
      {"bytes", [](Request* r) { r->mutable_inputs(0)->set_datatype("BYTES"); },
       "inputs[0].datatype", "WRONG_DATA_TYPE"},
      {"unknown datatype", [](Request* r) { r->mutable_inputs(0)->set_datatype("fp32"); },
       "inputs[0].datatype", "WRONG_DATA_TYPE"},
      {"no shape", [](Request* r) { r->mutable_inputs(0)->clear_shape(); }, "inputs[0]",
       "WRONG_SHAPE"},
      {"one dimension",
       [](Request* r) {
         r->mutable_inputs(0)->clear_shape();
         r->mutable_inputs(0)->add_shape(3);
       },
       "inputs[0]", "WRONG_SHAPE"},
      {"three dimensions", [](Request* r) { r->mutable_inputs(0)->add_shape(1); }, "inputs[0]",
       "WRONG_SHAPE"},
      {"another width", [](Request* r) { r->mutable_inputs(0)->set_shape(1, 4); }, "inputs[0]",
       "WRONG_SHAPE"},
      {"no rows", [](Request* r) { r->mutable_inputs(0)->set_shape(0, 0); }, "inputs[0]",
       "WRONG_SHAPE"},
      {"a free dimension", [](Request* r) { r->mutable_inputs(0)->set_shape(0, -1); },
       "inputs[0].shape", "MALFORMED_TENSOR"},
      {"an overflow",
       [](Request* r) {
         r->mutable_inputs(0)->set_shape(0, std::numeric_limits<std::int64_t>::max());
       },
       "inputs[0].shape", "MALFORMED_TENSOR"},
      {"an overflow of bytes",
       [](Request* r) {
         r->mutable_inputs(0)->set_shape(0, std::numeric_limits<std::int64_t>::max() / 3);
       },
       "inputs[0].shape", "MALFORMED_TENSOR"},
      {"more rows than there are numbers",
       [](Request* r) { r->mutable_inputs(0)->set_shape(0, std::int64_t{1} << 40); },
       "raw_input_contents[0]", "MALFORMED_TENSOR"},
      {"a byte less", [](Request* r) { r->mutable_raw_input_contents(0)->pop_back(); },
       "raw_input_contents[0]", "MALFORMED_TENSOR"},
      {"a byte more", [](Request* r) { r->mutable_raw_input_contents(0)->push_back('\0'); },
       "raw_input_contents[0]", "MALFORMED_TENSOR"},
      {"two raw entries", [](Request* r) { r->add_raw_input_contents(); }, "raw_input_contents",
       "MALFORMED_TENSOR"},
      {"raw and typed",
       [](Request* r) { r->mutable_inputs(0)->mutable_contents()->add_fp32_contents(1); },
       "inputs[0].contents", "CONTRADICTORY_FIELDS"},
      {"no contents", [](Request* r) { r->clear_raw_input_contents(); },
       "inputs[0].contents.fp32_contents", "MALFORMED_TENSOR"},
      {"contents of another type",
       [](Request* r) {
         r->clear_raw_input_contents();
         for (int i = 0; i < 3; ++i) r->mutable_inputs(0)->mutable_contents()->add_int_contents(1);
       },
       "inputs[0].contents.int_contents", "MALFORMED_TENSOR"},
      {"too few values",
       [](Request* r) {
         r->clear_raw_input_contents();
         r->mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
       },
       "inputs[0].contents.fp32_contents", "MALFORMED_TENSOR"},
      {"a half that is not raw",
       [](Request* r) {
         r->clear_raw_input_contents();
         r->mutable_inputs(0)->set_datatype("FP16");
       },
       "raw_input_contents", "MALFORMED_TENSOR"},
      {"an unknown output", [](Request* r) { r->add_outputs()->set_name("y"); }, "outputs[0].name",
       "UNKNOWN_TENSOR"},
      {"an output without a name", [](Request* r) { r->add_outputs(); }, "outputs[0].name",
       "REQUIRED_FIELD"},
      {"an output twice",
       [](Request* r) {
         r->add_outputs()->set_name("outputs");
         r->add_outputs()->set_name("outputs");
       },
       "outputs[1].name", "CONTRADICTORY_FIELDS"},
      {"a classification",
       [](Request* r) {
         r->add_outputs()->set_name("outputs");
         (*r->mutable_outputs(0)->mutable_parameters())["classification"].set_int64_param(3);
       },
       "outputs[0].parameters.classification", "UNSUPPORTED_PARAMETER"},
      {"shared memory for the answer",
       [](Request* r) {
         r->add_outputs()->set_name("outputs");
         (*r->mutable_outputs(0)->mutable_parameters())["shared_memory_region"].set_string_param(
             "region");
       },
       "outputs[0].parameters.shared_memory_region", "UNSUPPORTED_PARAMETER"},
      {"shared memory",
       [](Request* r) {
         (*r->mutable_inputs(0)->mutable_parameters())["shared_memory_region"].set_string_param(
             "region");
       },
       "inputs[0].parameters.shared_memory_region", "UNSUPPORTED_PARAMETER"},
      {"a sequence",
       [](Request* r) { (*r->mutable_parameters())["sequence_id"].set_int64_param(7); },
       "parameters.sequence_id", "UNSUPPORTED_PARAMETER"},
      {"raw outputs that are no truth value",
       [](Request* r) { (*r->mutable_parameters())["raw_outputs"].set_string_param("yes"); },
       "parameters.raw_outputs", "INVALID_FIELD"},
  };
  for (const auto& [name, spoil, field, reason] : cases) {
    ModelInferRequest request = RawRequest<float>("FP32", {1, 2, 3});
    ASSERT_THAT(Decode(request, NetworkOf(DataType::kFloat32)), IsOk());
    spoil(&request);
    EXPECT_THAT(Decode(request, NetworkOf(DataType::kFloat32)), FailsAt(field, reason)) << name;
  }
}

TEST(InferenceTest, HintsAreIgnoredAndRawOutputsAreNot) {
  ModelInferRequest request = RawRequest<float>("FP32", {1, 2, 3});
  (*request.mutable_parameters())["timeout"].set_int64_param(5);
  (*request.mutable_parameters())["priority"].set_uint64_param(1);
  (*request.mutable_inputs(0)->mutable_parameters())["content_type"].set_string_param("np");
  request.add_outputs()->set_name("outputs");
  (*request.mutable_outputs(0)->mutable_parameters())["binary_data"].set_bool_param(true);
  EXPECT_THAT(Decode(request, NetworkOf(DataType::kFloat32)), IsOk());
  (*request.mutable_parameters())["raw_outputs"].set_bool_param(true);
  const auto command = Decode(request, NetworkOf(DataType::kFloat32));
  ASSERT_THAT(command, IsOk());
  EXPECT_TRUE(command->raw_outputs);
}

TEST(InferenceTest, AFieldOfALaterProtocolIsRefused) {
  ModelInferRequest request = RawRequest<float>("FP32", {1, 2, 3});
  auto* input = request.mutable_inputs(0);
  input->GetReflection()->MutableUnknownFields(input)->AddVarint(99, 1);
  EXPECT_THAT(Decode(request, NetworkOf(DataType::kFloat32)),
              FailsAt("inputs[0]", "UNKNOWN_FIELD"));
}

TEST(InferenceTest, NamesAreChecked) {
  EXPECT_THAT(ModelName(RawRequest<float>("FP32", {1, 2, 3})), IsOkAndHolds("m"));
  EXPECT_THAT(ModelName(ModelInferRequest()), FailsAt("model_name", "REQUIRED_FIELD"));
  EXPECT_THAT(ModelName(inference::ModelReadyRequest()), FailsAt("name", "REQUIRED_FIELD"));
  EXPECT_THAT(ModelName(inference::ModelMetadataRequest()), FailsAt("name", "REQUIRED_FIELD"));
}

TEST(InferenceTest, AVersionIsAStep) {
  EXPECT_THAT(VersionStep(""), IsOkAndHolds(std::optional<std::int64_t>()));
  EXPECT_THAT(VersionStep("0"), IsOkAndHolds(std::optional<std::int64_t>(0)));
  EXPECT_THAT(VersionStep("9223372036854775807"),
              IsOkAndHolds(std::optional(std::numeric_limits<std::int64_t>::max())));
  for (const char* version : {"-1", "+1", "01", " 1", "1 ", "1.0", "v1", "9223372036854775808"}) {
    const auto step = VersionStep(version);
    EXPECT_THAT(step, StatusIs(absl::StatusCode::kNotFound, HasSubstr(version)));
    EXPECT_THAT(step, ReasonIs("VERSION_NOT_FOUND"));
  }
  const absl::Status status = VersionNotFound("7", {9, 5});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"7\"; there are 9, 5")));
}

TEST(InferenceTest, AnswersAreRaw) {
  models::PredictOutcome outcome{.step = 12, .outputs = Matrix(DataType::kFloat64, 2, 3)};
  outcome.outputs.buffer().Set(5, 1.5);
  inference::ModelInferResponse response;
  Encode(outcome, {.model = "m", .id = "seven"}, &response);
  EXPECT_EQ(response.model_name(), "m");
  EXPECT_EQ(response.model_version(), "12");
  EXPECT_EQ(response.id(), "seven");
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_EQ(response.outputs(0).name(), "outputs");
  EXPECT_EQ(response.outputs(0).datatype(), "FP64");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 3));
  EXPECT_FALSE(response.outputs(0).has_contents());
  ASSERT_EQ(response.raw_output_contents_size(), 1);
  std::vector<double> values(6);
  ASSERT_EQ(response.raw_output_contents(0).size(), 6 * sizeof(double));
  std::memcpy(values.data(), response.raw_output_contents(0).data(), 6 * sizeof(double));
  EXPECT_THAT(values, ElementsAre(0, 0, 0, 0, 0, 1.5));
}

TEST(InferenceTest, MetadataAreTheNetworks) {
  inference::ModelMetadataResponse response;
  EncodeMetadata("m", NetworkOf(DataType::kFloat32), {9, 5}, &response);
  EXPECT_EQ(response.name(), "m");
  EXPECT_EQ(response.platform(), "descent");
  EXPECT_THAT(response.versions(), ElementsAre("9", "5"));
  ASSERT_EQ(response.inputs_size(), 1);
  EXPECT_EQ(response.inputs(0).name(), "inputs");
  EXPECT_EQ(response.inputs(0).datatype(), "FP32");
  EXPECT_THAT(response.inputs(0).shape(), ElementsAre(-1, 3));
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_EQ(response.outputs(0).name(), "outputs");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(-1, 2));
}

TEST(InferenceTest, AFieldThatNobodyKnowsIsRefusedWhereverItIs) {
  const auto spoil = [](google::protobuf::Message* message) {
    message->GetReflection()->MutableUnknownFields(message)->AddVarint(1000, 1);
  };
  ModelInferRequest whole = TypedRequest("FP32", "fp32_contents: [1, 0, 1]");
  whole.add_outputs()->set_name("outputs");
  const Network& network = NetworkOf(DataType::kFloat32);
  ASSERT_THAT(Decode(whole, network), IsOk());
  ModelInferRequest request = whole;
  spoil(&request);
  EXPECT_THAT(Decode(request, network).status(), ReasonIs("UNKNOWN_FIELD"));
  request = whole;
  spoil(request.mutable_inputs(0));
  EXPECT_THAT(Decode(request, network), FailsAt("inputs[0]", "UNKNOWN_FIELD"));
  request = whole;
  spoil(request.mutable_inputs(0)->mutable_contents());
  EXPECT_THAT(Decode(request, network), FailsAt("inputs[0].contents", "UNKNOWN_FIELD"));
  request = whole;
  spoil(request.mutable_outputs(0));
  EXPECT_THAT(Decode(request, network), FailsAt("outputs[0]", "UNKNOWN_FIELD"));
}

}  // namespace
}  // namespace descent::wire
