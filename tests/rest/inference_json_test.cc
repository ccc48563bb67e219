// Requests and answers of the Open Inference Protocol as HTTP has them.

#include "server/rest/inference_json.h"

#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rest/json_request.h"
#include "tests/support/status_matchers.h"

namespace descent::rest {
namespace {

using descent::testing::FailsAt;
using descent::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<InferRequest> Read(const std::string& json, const std::string& binary = "") {
  return ReadInferRequest(json + binary, json.size(), "line", "7");
}

// A request with one input of these members.
std::string Input(const std::string& members) {
  return absl::StrCat(R"({"inputs":[{)", members, "}]}");
}

std::vector<double> Numbers(const InferRequest& request) {
  const std::string& raw = request.message.raw_input_contents(0);
  std::vector<double> numbers(raw.size() / sizeof(double));
  std::memcpy(numbers.data(), raw.data(), raw.size());
  return numbers;
}

TEST(InferenceJsonTest, ReadsEveryMemberInAnyOrder) {
  const auto request = Read(
      R"({"outputs":[{"parameters":{"binary_data":true},"name":"outputs"}],
          "parameters":{"timeout":5,"note":"x","half":0.5,"yes":true,"headers":{"a":["b",{"c":1}]}},
          "inputs":[{"data":[[1,2.5],[-3,4e1]],"parameters":{"content_type":"np"},
                     "datatype":"FP32","shape":[2,2],"name":"inputs"}],
          "model_name":"line","model_version":"7","id":"one"})");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->form, OutputForm::kBinary);
  EXPECT_EQ(request->message.id(), "one");
  ASSERT_EQ(request->message.inputs_size(), 1);
  EXPECT_EQ(request->message.inputs(0).name(), "inputs");
  EXPECT_EQ(request->message.inputs(0).datatype(), "FP64");
  EXPECT_THAT(request->message.inputs(0).shape(), ElementsAre(2, 2));
  EXPECT_THAT(Numbers(*request), ElementsAre(1, 2.5, -3, 40));
  EXPECT_EQ(request->message.outputs(0).name(), "outputs");
  EXPECT_EQ(request->message.parameters().at("timeout").int64_param(), 5);
  EXPECT_EQ(request->message.parameters().at("note").string_param(), "x");
  EXPECT_EQ(request->message.parameters().at("half").double_param(), 0.5);
  EXPECT_TRUE(request->message.parameters().at("yes").bool_param());
}

TEST(InferenceJsonTest, DataMayBeFlatOrNested) {
  for (const char* data : {"[1,2,3,4]", "[[1,2],[3,4]]", "[[[1],[2]],[[3],[4]]]"}) {
    const auto request = Read(
        Input(absl::StrCat(R"("name":"inputs","shape":[2,2],"datatype":"INT8","data":)", data)));
    ASSERT_THAT(request, IsOk()) << data;
    EXPECT_THAT(Numbers(*request), ElementsAre(1, 2, 3, 4));
    EXPECT_EQ(request->form, OutputForm::kJson);
  }
}

// Flattened it would have the right number of them, in other rows than the caller sees.
TEST(InferenceJsonTest, RaggedDataIsRefused) {
  for (const char* data : {"[[1,2,3],[4]]", "[[1],[2,3,4]]", "[1,[2,3,4]]", "[[1,2,3],4]",
                           "[[1,2],[[3],[4]]]", "[[[1],[2]],[3,4]]", "[[1,2,3,4],[]]",
                           "[[[1,2],[3]],[[4]]]", "[[],1,2,3,4]", "[[[]],[1],[2],[3],[4]]"}) {
    for (const char* datatype : {"INT8", "FP32", "BYTES"}) {
      std::string typed = data;
      if (std::string_view(datatype) == "BYTES") {
        for (const char* digit : {"1", "2", "3", "4"}) {
          typed = absl::StrReplaceAll(typed, {{digit, absl::StrCat("\"", digit, "\"")}});
        }
      }
      const std::string input = absl::StrCat(R"("name":"inputs","shape":[2,2],"datatype":")",
                                             datatype, R"(","data":)", typed);
      EXPECT_THAT(Read(Input(input)), FailsAt("inputs[0].data", "MALFORMED_JSON")) << input;
    }
  }
}

TEST(InferenceJsonTest, ADatatypeHasItsNumbersAndNoOthers) {
  const struct {
    const char* datatype;
    std::vector<const char*> good;
    std::vector<const char*> bad;
  } cases[] = {
      {"BOOL", {"true", "false", "0", "1"}, {"2", "-1", "0.5"}},
      {"INT8", {"-128", "127", "1.0"}, {"-129", "128", "1.5", "true"}},
      {"INT16", {"-32768", "32767"}, {"-32769", "32768"}},
      {"INT32", {"-2147483648", "2147483647"}, {"-2147483649", "2147483648"}},
      {"INT64", {"-9223372036854775808", "9223372036854775807"}, {"1e19", "0.1"}},
      {"UINT8", {"0", "255"}, {"-1", "256"}},
      {"UINT16", {"65535"}, {"65536", "-1"}},
      {"UINT32", {"4294967295"}, {"4294967296", "-1"}},
      {"UINT64", {"18446744073709551615"}, {"-1", "1e20"}},
      {"FP32", {"0.1", "-3", "1e38"}, {"false"}},
      {"FP64", {"0.1", "1e300"}, {"true"}},
      {"FP16", {}, {"1"}},
      {"BF16", {}, {"1"}},
      {"BYTES", {}, {"1"}},
      {"FP8", {}, {"1"}},
      {"", {}, {"1"}},
  };
  for (const auto& [datatype, good, bad] : cases) {
    const auto read = [&](const char* number) {
      return Read(Input(absl::StrCat(R"("name":"inputs","shape":[1],"datatype":")", datatype,
                                     R"(","data":[)", number, "]")))
          .status();
    };
    for (const char* number : good) EXPECT_THAT(read(number), IsOk()) << datatype << " " << number;
    for (const char* number : bad) {
      EXPECT_EQ(read(number).code(), absl::StatusCode::kInvalidArgument)
          << datatype << " " << number;
    }
  }
}

// The raw contents of one categorical input of so many values.
absl::StatusOr<InferRequest> Categories(const std::string& datatype, int count,
                                        const std::string& data) {
  return Read(Input(absl::StrCat(R"("data":[)", data, R"(],"datatype":")", datatype,
                                 R"(","shape":[)", count, R"(],"name":"country")")));
}

std::vector<std::int64_t> Ids(const InferRequest& request) {
  const std::string& raw = request.message.raw_input_contents(0);
  std::vector<std::int64_t> ids(raw.size() / sizeof(std::int64_t));
  std::memcpy(ids.data(), raw.data(), raw.size());
  return ids;
}

TEST(InferenceJsonTest, IdsKeepTheir64Bits) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const auto request =
      Categories("INT64", 5, "9007199254740993,-9223372036854775808,9223372036854775807,-1,0");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->message.inputs(0).datatype(), "INT64");
  EXPECT_THAT(Ids(*request), ElementsAre(9007199254740993, -kMost - 1, kMost, -1, 0));
  const auto unsigned_ids = Categories("UINT64", 2, "9007199254740993,9223372036854775807");
  ASSERT_THAT(unsigned_ids, IsOk());
  EXPECT_EQ(unsigned_ids->message.inputs(0).datatype(), "INT64");
  EXPECT_THAT(Ids(*unsigned_ids), ElementsAre(9007199254740993, kMost));
  const auto small = Categories("INT8", 2, "[-128],[127]");
  ASSERT_THAT(small, IsOk());
  EXPECT_THAT(Ids(*small), ElementsAre(-128, 127));
  const auto decimal = Categories("INT32", 4, "1,2.0,3e2,-0.0");
  ASSERT_THAT(decimal, IsOk());
  EXPECT_THAT(Ids(*decimal), ElementsAre(1, 2, 300, 0));
}

TEST(InferenceJsonTest, RowsHaveSeveralCategoriesNestedAndFlat) {
  const auto read = [](const std::string& datatype, const std::string& data) {
    return Read(Input(absl::StrCat(R"("name":"country","shape":[2,3],"datatype":")", datatype,
                                   R"(","data":)", data)));
  };
  for (const char* data :
       {"[[1,-1,9007199254740993],[-1,-1,2]]", "[1,-1,9007199254740993,-1,-1,2]"}) {
    const auto request = read("INT64", data);
    ASSERT_THAT(request, IsOk()) << data;
    EXPECT_THAT(request->message.inputs(0).shape(), ElementsAre(2, 3));
    EXPECT_THAT(Ids(*request), ElementsAre(1, -1, 9007199254740993, -1, -1, 2));
  }
  const auto texts = read("BYTES", R"([["a","",""],["","b","c"]])");
  ASSERT_THAT(texts, IsOk());
  EXPECT_EQ(texts->message.raw_input_contents(0),
            std::string("\1\0\0\0a\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0b\1\0\0\0c", 27));
  EXPECT_THAT(read("INT64", "[[1,-1,2],[3]]"), FailsAt("inputs[0].data", "MALFORMED_JSON"));
}

TEST(InferenceJsonTest, NoIdBecomesAnother) {
  const struct {
    const char* datatype;
    const char* data;  // of which the second is wrong
    const char* message;
  } cases[] = {
      {"INT64", "0,9007199254740993.0", "without a point"},
      {"INT64", "0,9007199254740992.0", "without a point"},
      {"INT64", "0.0,9007199254740993", "without a point"},
      {"INT64", "0.5e1,-9007199254740993", "without a point"},
      {"INT64", "0,9223372036854775808", "64 bits with a sign"},
      {"UINT64", "0,18446744073709551615", "64 bits with a sign"},
      {"INT64", "0,1e19", "is no INT64"},
      {"INT64", "0,0.5", "is no INT64"},
      {"UINT64", "0,-1", "-1 at index 1 is no UINT64"},
      {"INT32", "0,2147483648", "2147483648 at index 1 is no INT32"},
      {"UINT8", "0,9007199254740993", "9007199254740993 at index 1 is no UINT8"},
  };
  for (const auto& [datatype, data, message] : cases) {
    const auto request = Categories(datatype, 2, data);
    EXPECT_THAT(request, FailsAt("inputs[0].data", "MALFORMED_TENSOR")) << data;
    EXPECT_THAT(std::string(request.status().message()), HasSubstr(message));
    EXPECT_EQ(GetErrorDetails(request.status()).metadata.at("index"), "1");
  }
  EXPECT_THAT(Categories("INT64", 1, "true"), FailsAt("inputs[0].data", "MALFORMED_TENSOR"));
  EXPECT_THAT(Categories("BYTES", 1, "1"), FailsAt("inputs[0].data", "MALFORMED_TENSOR"));
}

TEST(InferenceJsonTest, WhatNoCategoryIsKeepsItsDatatypeForTheRefusal) {
  for (const char* datatype : {"FP32", "FP64", "BOOL"}) {
    const auto request = Categories(datatype, 1, "1");
    ASSERT_THAT(request, IsOk());
    EXPECT_EQ(request->message.inputs(0).datatype(), datatype);
  }
}

TEST(InferenceJsonTest, TextsBecomeBytes) {
  const auto request = Categories("BYTES", 4, R"(["CH",""],["a\u0000\"\u00e9","\ud83d\ude00"])");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->message.inputs(0).datatype(), "BYTES");
  EXPECT_EQ(
      request->message.raw_input_contents(0),
      std::string("\x02\0\0\0CH\0\0\0\0\x05\0\0\0a\0\"\xc3\xa9\x04\0\0\0\xf0\x9f\x98\x80", 27));
  const auto none = Categories("BYTES", 0, "");
  ASSERT_THAT(none, IsOk());
  EXPECT_EQ(none->message.raw_input_contents(0), "");
}

TEST(InferenceJsonTest, InputsAreReadEachByItself) {
  const auto request = Read(
      R"({"inputs":[{"name":"country","datatype":"BYTES","shape":[1],
                     "parameters":{"binary_data_size":6}},
                    {"name":"inputs","datatype":"FP32","shape":[1,2],"data":[1,9007199254740993]},
                    {"name":"shop","datatype":"INT64","shape":[1],"data":[9007199254740993]},
                    {"name":"user","datatype":"INT32","shape":[1],
                     "parameters":{"binary_data_size":4}}]})",
      std::string("\x02\0\0\0CHabcd", 10));
  ASSERT_THAT(request, IsOk());
  ASSERT_EQ(request->message.raw_input_contents_size(), 4);
  EXPECT_EQ(request->message.raw_input_contents(0), std::string("\x02\0\0\0CH", 6));
  EXPECT_EQ(request->message.inputs(1).datatype(), "FP64");
  double rounded = 0;
  std::memcpy(&rounded, request->message.raw_input_contents(1).data() + 8, sizeof rounded);
  EXPECT_EQ(rounded, 0x1p53);
  EXPECT_EQ(request->message.inputs(2).datatype(), "INT64");
  std::int64_t exact = 0;
  std::memcpy(&exact, request->message.raw_input_contents(2).data(), sizeof exact);
  EXPECT_EQ(exact, 9007199254740993);
  EXPECT_EQ(request->message.raw_input_contents(3), "abcd");
}

TEST(InferenceJsonTest, BinaryDataComeBehindTheJson) {
  const std::string json = Input(
      R"("name":"inputs","shape":[1,2],"datatype":"FP16","parameters":{"binary_data_size":4})");
  const auto request = Read(json, "abcd");
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->message.inputs(0).datatype(), "FP16");
  EXPECT_EQ(request->message.raw_input_contents(0), "abcd");
  EXPECT_THAT(Read(json, "abc"),
              FailsAt("inputs[0].parameters.binary_data_size", "MALFORMED_TENSOR"));
  EXPECT_THAT(Read(json, "abcde"), FailsAt("body", "MALFORMED_TENSOR"));
  EXPECT_THAT(Read(Input(R"("data":[1],"parameters":{"binary_data_size":4})"), "abcd"),
              FailsAt("inputs[0].data", "CONTRADICTORY_FIELDS"));
  for (const char* size : {"-1", "\"4\"", "4.0", "true", "18446744073709551615"}) {
    EXPECT_THAT(
        Read(Input(absl::StrCat(R"("parameters":{"binary_data_size":)", size, "}")), "abcd"),
        FailsAt("inputs[0].parameters.binary_data_size", "INVALID_FIELD"))
        << size;
  }
}

TEST(InferenceJsonTest, TheAnswersFormIsTheRequestsOrTheOutputs) {
  const auto form = [](const std::string& members) {
    const auto request = Read(absl::StrCat("{", members, "}"));
    EXPECT_THAT(request, IsOk()) << members;
    return request.ok() ? request->form : OutputForm::kJson;
  };
  EXPECT_EQ(form(""), OutputForm::kJson);
  EXPECT_EQ(form(R"("parameters":{"binary_data_output":true})"), OutputForm::kBinary);
  EXPECT_EQ(form(R"("parameters":{"binary_data_output":true},
                    "outputs":[{"name":"outputs","parameters":{"binary_data":false}}])"),
            OutputForm::kJson);
  EXPECT_EQ(form(R"("outputs":[{"name":"outputs"}])"), OutputForm::kJson);
  EXPECT_THAT(Read(R"({"parameters":{"binary_data_output":1}})"),
              FailsAt("parameters.binary_data_output", "INVALID_FIELD"));
}

TEST(InferenceJsonTest, EachMistakeNamesItsMember) {
  const struct {
    const char* json;
    const char* field;
    const char* reason;
  } cases[] = {
      {"", "body", "MALFORMED_JSON"},
      {"[]", "body", "MALFORMED_JSON"},
      {"1", "body", "MALFORMED_JSON"},
      {"{", "body", "MALFORMED_JSON"},
      {"{} {}", "body", "MALFORMED_JSON"},
      {"{\"id\":\"\xff\"}", "body", "MALFORMED_JSON"},
      {R"({"id":1})", "id", "MALFORMED_JSON"},
      {R"({"id":"a","id":"b"})", "id", "MALFORMED_JSON"},
      {R"({"inputs":{}})", "inputs", "MALFORMED_JSON"},
      {R"({"inputs":[1]})", "inputs", "MALFORMED_JSON"},
      {R"({"inputs":[[]]})", "inputs", "MALFORMED_JSON"},
      {R"({"input":[]})", "body", "MALFORMED_JSON"},
      {R"({"parameters":[]})", "parameters", "MALFORMED_JSON"},
      {R"({"parameters":{"a":1,"a":2}})", "parameters.a", "MALFORMED_JSON"},
      {R"({"inputs":[{"dat":[1]}]})", "inputs[0]", "MALFORMED_JSON"},
      {R"({"inputs":[{"name":1}]})", "inputs[0].name", "MALFORMED_JSON"},
      {R"({"inputs":[{"shape":[1],"shape":[1]}]})", "inputs[0].shape", "MALFORMED_JSON"},
      {R"({"inputs":[{"shape":[1.5]}]})", "inputs[0].shape", "MALFORMED_JSON"},
      {R"({"inputs":[{"shape":[[1]]}]})", "inputs[0].shape", "MALFORMED_JSON"},
      {R"({"inputs":[{"shape":[18446744073709551615]}]})", "inputs[0].shape", "MALFORMED_JSON"},
      {R"({"inputs":[{"data":["a",1]}]})", "inputs[0].data", "MALFORMED_JSON"},
      {R"({"inputs":[{"data":[1,"a"]}]})", "inputs[0].data", "MALFORMED_JSON"},
      {R"({"inputs":[{"data":[true,"a"]}]})", "inputs[0].data", "MALFORMED_JSON"},
      {R"({"inputs":[{"data":["\ud800"]}]})", "body", "MALFORMED_JSON"},
      {R"({"inputs":[{"name":"inputs","shape":[1],"datatype":"FP32","data":["a"]}]})",
       "inputs[0].data", "MALFORMED_TENSOR"},
      {R"({"inputs":[{"name":"country","shape":[1],"datatype":"INT64","data":["a"]}]})",
       "inputs[0].data", "MALFORMED_TENSOR"},
      {R"({"inputs":[{"name":"country","shape":[2],"datatype":"BYTES","data":["a"]}]})",
       "inputs[0].data", "MALFORMED_TENSOR"},
      {R"({"inputs":[{"data":[null]}]})", "inputs[0].data", "MALFORMED_JSON"},
      {R"({"inputs":[{"data":[{}]}]})", "inputs[0].data", "MALFORMED_JSON"},
      {R"({"inputs":[{"data":1}]})", "inputs[0].data", "MALFORMED_JSON"},
      {R"({"inputs":[{"data":[NaN]}]})", "body", "MALFORMED_JSON"},
      {R"({"inputs":[{"data":[Infinity]}]})", "body", "MALFORMED_JSON"},
      {R"({"inputs":[{"data":[1e999]}]})", "body", "MALFORMED_JSON"},
      {R"({"inputs":[{"name":"inputs","shape":[1],"datatype":"FP32"}]})", "inputs[0].data",
       "REQUIRED_FIELD"},
      {R"({"inputs":[{"shape":[2],"datatype":"FP32","data":[1]}]})", "inputs[0].data",
       "MALFORMED_TENSOR"},
      {R"({"outputs":[{"name":1}]})", "outputs[0].name", "MALFORMED_JSON"},
      {R"({"outputs":[{"shape":[1]}]})", "outputs[0]", "MALFORMED_JSON"},
      {R"({"model_name":"other"})", "model_name", "CONTRADICTORY_FIELDS"},
      {R"({"model_version":"8"})", "model_version", "CONTRADICTORY_FIELDS"},
  };
  for (const auto& [json, field, reason] : cases) {
    EXPECT_THAT(Read(json), FailsAt(field, reason)) << json;
  }
}

TEST(InferenceJsonTest, DepthIsBoundedWhereverItIs) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + "1" +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  for (const char* before :
       {R"({"inputs":[{"data":)", R"({"parameters":{"a":)", R"({"inputs":[{"parameters":{"a":)"}) {
    const auto deep = Read(before + nested(100'000));
    EXPECT_EQ(deep.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(deep.status().message()), HasSubstr("nested deeper than 32")) << before;
  }
  EXPECT_THAT(Read(absl::StrCat(R"({"parameters":{"a":)", nested(kMostDepth - 2), "}}")), IsOk());
}

inference::ModelInferResponse Response(const std::string& datatype, std::string raw) {
  inference::ModelInferResponse response;
  response.set_model_name("line");
  response.set_model_version("7");
  auto* output = response.add_outputs();
  output->set_name("outputs");
  output->set_datatype(datatype);
  output->add_shape(1);
  output->add_shape(static_cast<std::int64_t>(raw.size() / (datatype == "FP32" ? 4 : 8)));
  response.add_raw_output_contents(std::move(raw));
  return response;
}

template <typename T>
std::string RawOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

TEST(InferenceJsonTest, NumbersOfAnAnswerReadAsTheSameAgain) {
  auto response = Response("FP32", RawOf<float>({0.1F, -1, 1e-45F, 3.4028235e38F}));
  response.set_id("\"\xff");
  const auto answer = WriteInferResponse(response, OutputForm::kJson);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->type, "application/json");
  EXPECT_EQ(answer->body,
            "{\"model_name\":\"line\",\"model_version\":\"7\",\"id\":\"\\\"\xef\xbf\xbd\","
            "\"outputs\":[{\"name\":\"outputs\",\"datatype\":\"FP32\",\"shape\":[1,4],"
            "\"data\":[0.1,-1,1e-45,3.4028235e+38]}]}");
  const auto precise =
      WriteInferResponse(Response("FP64", RawOf<double>({0.1, 1.0 / 3})), OutputForm::kJson);
  ASSERT_THAT(precise, IsOk());
  EXPECT_THAT(precise->body, HasSubstr("\"data\":[0.1,0.3333333333333333]"));
}

TEST(InferenceJsonTest, AnAnswerInBytesSaysHowMuchOfItIsJson) {
  const auto answer =
      WriteInferResponse(Response("FP32", RawOf<float>({1, 2})), OutputForm::kBinary);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->type, "application/octet-stream");
  ASSERT_EQ(answer->headers.size(), 1);
  EXPECT_EQ(answer->headers[0].first, "Inference-Header-Content-Length");
  EXPECT_EQ(answer->headers[0].second, absl::StrCat(answer->body.size() - 8));
  EXPECT_EQ(answer->body.substr(answer->body.size() - 8), RawOf<float>({1, 2}));
  EXPECT_THAT(answer->body, HasSubstr(R"("parameters":{"binary_data_size":8}}]})"));
}

TEST(InferenceJsonTest, AnAnswerThatIsTooMuchForJsonIsToBeAskedForAsBytes) {
  const auto large = Response("FP32", std::string((kMostJsonValues + 1) * sizeof(float), '\0'));
  EXPECT_THAT(WriteInferResponse(large, OutputForm::kJson),
              FailsAt("outputs[0]", "ANSWER_TOO_LARGE"));
  EXPECT_THAT(WriteInferResponse(large, OutputForm::kBinary), IsOk());
}

}  // namespace
}  // namespace descent::rest
