#include "server/rest/inference_json.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "core/text_view.h"
#include "server/rest/json_request.h"
#include "server/wire/inference_inputs.h"

namespace descent::rest {
namespace {

constexpr char kBytes[] = "BYTES";

using InferTensor = inference::ModelInferRequest::InferInputTensor;

// Which numbers JSON may have of a datatype.
struct JsonNumbers {
  std::string_view datatype;
  bool is_whole;
  bool is_id;  // categories may be numbered by them
  double minimum;
  double maximum;
};
constexpr double kLargest = std::numeric_limits<double>::max();
constexpr JsonNumbers kJsonNumbers[] = {
    {"FP32", false, false, -kLargest, kLargest},
    {"FP64", false, false, -kLargest, kLargest},
    {"BOOL", true, false, 0, 1},
    {"INT8", true, true, -0x1p7, 0x1p7 - 1},
    {"INT16", true, true, -0x1p15, 0x1p15 - 1},
    {"INT32", true, true, -0x1p31, 0x1p31 - 1},
    {"INT64", true, true, -0x1p63, 0x1p63},
    {"UINT8", true, true, 0, 0x1p8 - 1},
    {"UINT16", true, true, 0, 0x1p16 - 1},
    {"UINT32", true, true, 0, 0x1p32 - 1},
    {"UINT64", true, true, 0, 0x1p64},
};

// From here on doubles are not whole numbers that somebody may have written, but roundings of them.
constexpr double kInexact = 0x1p53;

template <typename T>
T ElementAt(const JsonInput& input, std::size_t i) {
  T element;
  std::memcpy(&element, input.raw.data() + i * sizeof element, sizeof element);
  return element;
}

double NumberAt(const JsonInput& input, std::size_t i) {
  return input.kind == JsonData::kWholeNumbers
             ? static_cast<double>(ElementAt<std::int64_t>(input, i))
             : ElementAt<double>(input, i);
}

std::string TextOf(const JsonInput& input, std::size_t i) {
  return input.kind == JsonData::kWholeNumbers ? absl::StrCat(ElementAt<std::int64_t>(input, i))
                                               : absl::StrCat(ElementAt<double>(input, i));
}

absl::Status Malformed(std::string_view field, std::string_view what) {
  return InvalidField(field, what, {}, "MALFORMED_TENSOR");
}

absl::Status MalformedAt(std::size_t index, std::string_view field, std::string_view what) {
  return WithMetadata(Malformed(field, what), "index", absl::StrCat(index));
}

absl::StatusOr<const JsonNumbers*> NumbersOf(std::string_view field, std::string_view datatype) {
  const auto* const row =
      std::find_if(std::begin(kJsonNumbers), std::end(kJsonNumbers),
                   [&](const JsonNumbers& numbers) { return numbers.datatype == datatype; });
  if (row != std::end(kJsonNumbers)) return row;
  return InvalidField(field,
                      absl::StrCat("JSON has no data of datatype \"", View(datatype.substr(0, 16)),
                                   "\"; FP16 and BF16 come as binary data alone"),
                      {}, "WRONG_DATA_TYPE");
}

absl::Status CheckNumbers(std::string_view field, const JsonNumbers& row, const JsonInput& input) {
  if (input.kind == JsonData::kTexts || (input.has_truths && row.datatype != "BOOL")) {
    return Malformed(field, absl::StrCat("expected numbers of ", View(row.datatype)));
  }
  for (std::size_t i = 0; i < input.count; ++i) {
    const double value = NumberAt(input, i);
    if (value >= row.minimum && value <= row.maximum &&
        (!row.is_whole || value == std::trunc(value))) {
      continue;
    }
    return MalformedAt(
        i, field, absl::StrCat(TextOf(input, i), " at index ", i, " is no ", View(row.datatype)));
  }
  return absl::OkStatus();
}

// Makes whole numbers of what has been found to be such, none of which may mean another.
absl::Status RestoreWhole(std::string_view field, JsonInput* input) {
  if (input->kind != JsonData::kNumbers) return absl::OkStatus();
  for (std::size_t i = 0; i < input->count; ++i) {
    const auto number = ElementAt<double>(*input, i);
    if (std::abs(number) >= kInexact) {
      return MalformedAt(
          i, field,
          absl::StrCat("expected ids of 64 bits with a sign, from 2^53 on all of them "
                       "without a point or an exponent, got about ",
                       number, " at index ", i));
    }
    const auto whole = static_cast<std::int64_t>(number);
    std::memcpy(input->raw.data() + i * sizeof whole, &whole, sizeof whole);
  }
  input->kind = JsonData::kWholeNumbers;
  return absl::OkStatus();
}

// How many elements a shape has; none if it is no shape, which is for others to say.
std::optional<std::int64_t> CountOf(const InferTensor& input) {
  std::int64_t count = 1;
  for (const std::int64_t dimension : input.shape()) {
    if (dimension < 0 || __builtin_mul_overflow(count, dimension, &count)) return std::nullopt;
  }
  return count;
}

// A parameter of HTTP's own, which no message has.
absl::StatusOr<std::optional<std::int64_t>> BinarySize(std::string_view field,
                                                       const InferTensor& input) {
  const auto found = input.parameters().find("binary_data_size");
  if (found == input.parameters().end()) return std::nullopt;
  if (found->second.parameter_choice_case() != inference::InferParameter::kInt64Param ||
      found->second.int64_param() < 0) {
    return InvalidField(absl::StrCat(View(field), ".parameters.binary_data_size"),
                        "expected a whole number of bytes");
  }
  return found->second.int64_param();
}

// Makes raw contents of what JSON has of an input, and says in `input` of which datatype they are.
absl::Status ToElements(std::string_view field, JsonInput* json, InferTensor* input) {
  if (input->datatype() == kBytes) {
    if (json->kind == JsonData::kTexts || json->kind == JsonData::kNothing) return absl::OkStatus();
    return Malformed(field, "expected texts of BYTES");
  }
  ASSIGN_OR_RETURN(const JsonNumbers* const row, NumbersOf(field, input->datatype()));
  // Other names are those of categories, whose ids have 64 bits.
  const bool has_ids = input->name() != wire::kInferenceInput;
  if (!has_ids && json->kind == JsonData::kWholeNumbers) RoundToDoubles(json);
  RETURN_IF_ERROR(CheckNumbers(field, *row, *json));
  if (!has_ids) {
    input->set_datatype("FP64");
  } else if (row->is_id) {
    RETURN_IF_ERROR(RestoreWhole(field, json));
    input->set_datatype("INT64");
  } else {
    json->raw.clear();  // No model takes that, as will be said with this datatype.
  }
  return absl::OkStatus();
}

// Gives the message the contents of one input, and takes them from the front of `binary`.
absl::Status AddContents(std::string_view field, JsonInput json, InferTensor* input,
                         std::string_view* binary, std::string* raw) {
  const std::string data = absl::StrCat(View(field), ".data");
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> size, BinarySize(field, *input));
  if (size.has_value()) {
    if (json.has_data) {
      return InvalidField(data, "comes as binary data already", {}, "CONTRADICTORY_FIELDS");
    }
    if (static_cast<std::uint64_t>(*size) > binary->size()) {
      return InvalidField(absl::StrCat(View(field), ".parameters.binary_data_size"),
                          absl::StrCat("expected at most the ", binary->size(),
                                       " bytes that come behind the JSON, got ", *size),
                          {}, "MALFORMED_TENSOR");
    }
    raw->assign(binary->substr(0, static_cast<std::size_t>(*size)));
    binary->remove_prefix(static_cast<std::size_t>(*size));
    return absl::OkStatus();
  }
  if (!json.has_data) return InvalidField(data, "required", {}, "REQUIRED_FIELD");
  RETURN_IF_ERROR(ToElements(data, &json, input));
  const std::optional<std::int64_t> count = CountOf(*input);
  if (count.has_value() && static_cast<std::uint64_t>(*count) != json.count) {
    return Malformed(data,
                     absl::StrCat("expected ", *count, " values for its shape, got ", json.count));
  }
  *raw = std::move(json.raw);
  return absl::OkStatus();
}

absl::Status CheckSame(std::string_view field, std::string_view said, std::string_view expected) {
  if (said.empty() || said == expected) return absl::OkStatus();
  return InvalidField(field, "expected what the path says, or nothing", {}, "CONTRADICTORY_FIELDS");
}

absl::StatusOr<bool> Truth(const std::string& field,
                           const google::protobuf::Map<std::string, inference::InferParameter>& all,
                           const char* name, bool otherwise) {
  const auto found = all.find(name);
  if (found == all.end()) return otherwise;
  if (found->second.parameter_choice_case() != inference::InferParameter::kBoolParam) {
    return InvalidField(absl::StrCat(field, name), "expected true or false");
  }
  return found->second.bool_param();
}

absl::StatusOr<OutputForm> FormOf(const inference::ModelInferRequest& message) {
  ASSIGN_OR_RETURN(bool binary,
                   Truth("parameters.", message.parameters(), "binary_data_output", false));
  for (int i = 0; i < message.outputs_size(); ++i) {
    ASSIGN_OR_RETURN(binary, Truth(absl::StrCat("outputs[", i, "].parameters."),
                                   message.outputs(i).parameters(), "binary_data", binary));
  }
  return binary ? OutputForm::kBinary : OutputForm::kJson;
}

}  // namespace

absl::StatusOr<InferRequest> ReadInferRequest(std::string_view body, std::size_t json_bytes,
                                              std::string_view model, std::string_view version) {
  ASSIGN_OR_RETURN(JsonRequest json, ParseJsonRequest(body.substr(0, json_bytes)));
  RETURN_IF_ERROR(CheckSame("model_name", json.model_name, model));
  RETURN_IF_ERROR(CheckSame("model_version", json.model_version, version));
  InferRequest request{.message = std::move(json.message)};
  std::string_view binary = body.substr(std::min(json_bytes, body.size()));
  for (int i = 0; i < request.message.inputs_size(); ++i) {
    RETURN_IF_ERROR(AddContents(
        absl::StrCat("inputs[", i, "]"), std::move(json.inputs[static_cast<std::size_t>(i)]),
        request.message.mutable_inputs(i), &binary, request.message.add_raw_input_contents()));
  }
  if (!binary.empty()) {
    return InvalidField("body",
                        absl::StrCat(binary.size(),
                                     " bytes behind the JSON are of no input: expected "
                                     "binary_data_size to say whose they are"),
                        {}, "MALFORMED_TENSOR");
  }
  ASSIGN_OR_RETURN(request.form, FormOf(request.message));
  return request;
}

}  // namespace descent::rest
