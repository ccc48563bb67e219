#include <charconv>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "nlohmann/json.hpp"
#include "server/rest/inference_json.h"

namespace descent::rest {
namespace {

using Ordered = nlohmann::ordered_json;
using OutputTensor = inference::ModelInferResponse::InferOutputTensor;

std::string Text(const Ordered& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/false, Ordered::error_handler_t::replace);
}

http::Answer JsonAnswer(const Ordered& value) {
  return {.type = "application/json", .body = Text(value)};
}

// The shortest numbers that read as these again.
template <typename T>
void AppendNumbers(std::string_view raw, std::string* text) {
  char digits[32];
  for (std::size_t at = 0; at + sizeof(T) <= raw.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, raw.data() + at, sizeof value);
    const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
    if (at > 0) text->push_back(',');
    text->append(digits, end);
  }
}

Ordered Describe(const OutputTensor& output) {
  return {{"name", output.name()},
          {"datatype", output.datatype()},
          {"shape", std::vector<std::int64_t>(output.shape().begin(), output.shape().end())}};
}

Ordered Describe(const inference::ModelMetadataResponse::TensorMetadata& tensor) {
  return {{"name", tensor.name()},
          {"datatype", tensor.datatype()},
          {"shape", std::vector<std::int64_t>(tensor.shape().begin(), tensor.shape().end())}};
}

template <typename Tensors>
Ordered DescribeAll(const Tensors& tensors) {
  Ordered all = Ordered::array();
  for (const auto& tensor : tensors) all.push_back(Describe(tensor));
  return all;
}

// All but the outputs, as the beginning of an object.
std::string Beginning(const inference::ModelInferResponse& response) {
  Ordered head = {{"model_name", response.model_name()},
                  {"model_version", response.model_version()}};
  if (!response.id().empty()) head["id"] = response.id();
  std::string text = Text(head);
  text.back() = ',';  // it goes on
  return text.append("\"outputs\":[");
}

absl::Status CheckSize(std::string_view raw, std::size_t width) {
  const auto values = static_cast<std::int64_t>(raw.size() / width);
  if (values <= kMostJsonValues) return absl::OkStatus();
  return InvalidField(
      "outputs[0]",
      absl::StrCat(values, " values are too many for JSON, of which there are at most ",
                   kMostJsonValues, "; ask for binary_data"),
      {}, "ANSWER_TOO_LARGE");
}

}  // namespace

absl::StatusOr<http::Answer> WriteInferResponse(const inference::ModelInferResponse& response,
                                                OutputForm form) {
  std::string text = Beginning(response);
  std::string behind;
  for (int i = 0; i < response.outputs_size(); ++i) {
    const OutputTensor& output = response.outputs(i);
    const std::string& raw = response.raw_output_contents(i);
    Ordered described = Describe(output);
    if (i > 0) text.push_back(',');
    if (form == OutputForm::kBinary) {
      described["parameters"] = {{"binary_data_size", raw.size()}};
      text.append(Text(described));
      behind.append(raw);
      continue;
    }
    const bool is_float = output.datatype() == "FP32";
    if (absl::Status status = CheckSize(raw, is_float ? sizeof(float) : sizeof(double));
        !status.ok()) {
      return status;
    }
    text.append(Text(described));
    text.pop_back();
    text.append(",\"data\":[");
    if (is_float) {
      AppendNumbers<float>(raw, &text);
    } else {
      AppendNumbers<double>(raw, &text);
    }
    text.append("]}");
  }
  text.append("]}");
  if (form == OutputForm::kJson)
    return http::Answer{.type = "application/json", .body = std::move(text)};
  std::string length = absl::StrCat(text.size());
  text.append(behind);
  return http::Answer{.type = "application/octet-stream",
                      .body = std::move(text),
                      .headers = {{kJsonLength, std::move(length)}}};
}

http::Answer WriteMetadata(const inference::ServerMetadataResponse& metadata) {
  return JsonAnswer({{"name", metadata.name()},
                     {"version", metadata.version()},
                     {"extensions", std::vector<std::string>(metadata.extensions().begin(),
                                                             metadata.extensions().end())}});
}

http::Answer WriteMetadata(const inference::ModelMetadataResponse& metadata) {
  return JsonAnswer({{"name", metadata.name()},
                     {"versions", std::vector<std::string>(metadata.versions().begin(),
                                                           metadata.versions().end())},
                     {"platform", metadata.platform()},
                     {"inputs", DescribeAll(metadata.inputs())},
                     {"outputs", DescribeAll(metadata.outputs())}});
}

}  // namespace descent::rest
