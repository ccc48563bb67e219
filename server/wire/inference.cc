#include "server/wire/inference.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "core/text_view.h"
#include "server/wire/inference_fields.h"
#include "server/wire/inference_inputs.h"
#include "server/wire/inference_type.h"
#include "server/wire/request_fields.h"
#include "server/wire/specs.h"
#include "server/wire/unknown_fields.h"

namespace descent::wire {
namespace {

using inference::ModelInferRequest;

constexpr char kPlatform[] = "descent";
constexpr char kRawOutputs[] = "raw_outputs";

absl::Status CheckRequestedOutputs(const ModelInferRequest& request) {
  for (int i = 0; i < request.outputs_size(); ++i) {
    const std::string field = absl::StrCat("outputs[", i, "]");
    const auto& output = request.outputs(i);
    if (output.name() != kInferenceOutput) {
      return UnknownTensor(absl::StrCat(field, ".name"), output.name(),
                           QuotedText(kInferenceOutput));
    }
    if (i > 0) return ContradictoryField(absl::StrCat(field, ".name"), "is there twice");
    const std::string parameters = absl::StrCat(field, ".parameters");
    RETURN_IF_ERROR(RefuseParameters(parameters, output.parameters(), kSharedMemory));
    RETURN_IF_ERROR(RefuseParameters(parameters, output.parameters(), kClassification));
  }
  return absl::OkStatus();
}

// The message's own, not those of what is in it.
template <typename Message>
bool HasOwnUnknownFields(const Message& message) {
  static const auto* const reflection = Message::GetReflection();
  return !reflection->GetUnknownFields(message).empty();
}

// Whether there is anything for RejectUnknownFields to find. It asks descriptors which messages
// there may be, field by field, which takes as long as decoding all else of a row.
bool HasUnknownFields(const ModelInferRequest& request) {
  if (HasOwnUnknownFields(request)) return true;
  for (const auto& input : request.inputs()) {
    if (HasOwnUnknownFields(input)) return true;
    if (input.has_contents() && HasOwnUnknownFields(input.contents())) return true;
  }
  return std::any_of(request.outputs().begin(), request.outputs().end(),
                     [](const auto& output) { return HasOwnUnknownFields(output); });
}

absl::StatusOr<std::string> CheckedName(std::string_view field, const std::string& name) {
  RETURN_IF_ERROR(CheckModelName(field, name));
  return name;
}

}  // namespace

absl::StatusOr<std::string> ModelName(const inference::ModelReadyRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  return CheckedName("name", request.name());
}

absl::StatusOr<std::string> ModelName(const inference::ModelMetadataRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  return CheckedName("name", request.name());
}

absl::StatusOr<std::string> ModelName(const inference::ModelInferRequest& request) {
  return CheckedName("model_name", request.model_name());
}

absl::StatusOr<std::optional<std::int64_t>> VersionStep(std::string_view version) {
  if (version.empty()) return std::nullopt;
  std::int64_t step = 0;
  // Only as answers write it: neither "007" nor "+7" is the version 7.
  if (!absl::SimpleAtoi(View(version), &step) || step < 0 || absl::StrCat(step) != View(version)) {
    return Error(absl::StatusCode::kNotFound, "VERSION_NOT_FOUND",
                 absl::StrCat("there is no version ", QuotedText(version),
                              ": expected the step of a checkpoint, or nothing for the latest"),
                 {{"version", std::string(version.substr(0, 64))}});
  }
  return step;
}

absl::Status VersionNotFound(std::string_view version, const std::vector<std::int64_t>& versions) {
  constexpr std::size_t kMost = 16;
  std::string there;
  for (std::size_t i = 0; i < std::min(versions.size(), kMost); ++i) {
    absl::StrAppend(&there, i == 0 ? "" : ", ", versions[i]);
  }
  if (versions.size() > kMost) absl::StrAppend(&there, ", ...");
  return Error(
      absl::StatusCode::kNotFound, "VERSION_NOT_FOUND",
      absl::StrCat("there is no checkpoint of version ", QuotedText(version), "; there are ",
                   there.empty() ? "none" : there, ", and the latest parameters without a version"),
      {{"version", std::string(version.substr(0, 64))}, {"versions", there}});
}

absl::StatusOr<models::PredictCommand> Decode(const inference::ModelInferRequest& request,
                                              const Network& network) {
  if (HasUnknownFields(request)) RETURN_IF_ERROR(RejectUnknownFields(request));
  RETURN_IF_ERROR(RefuseParameters("parameters", request.parameters(), kSequences));
  models::PredictCommand command;
  ASSIGN_OR_RETURN(command.raw_outputs, BoolParameter(request.parameters(), kRawOutputs));
  RETURN_IF_ERROR(CheckRequestedOutputs(request));
  RETURN_IF_ERROR(DecodeInferenceInputs(request, network, &command));
  return command;
}

void Encode(const models::PredictOutcome& outcome, const InferenceEcho& echo,
            inference::ModelInferResponse* response) {
  response->set_model_name(echo.model);
  response->set_model_version(absl::StrCat(outcome.step));
  if (!echo.id.empty()) response->set_id(echo.id);
  const Buffer& values = outcome.outputs.buffer();
  auto* output = response->add_outputs();
  output->set_name(kInferenceOutput);
  const std::string_view datatype = InferenceTypeOf(values.type()).name;
  output->set_datatype(datatype.data(), datatype.size());
  output->add_shape(outcome.outputs.rows());
  output->add_shape(outcome.outputs.cols());
  response->add_raw_output_contents(
      values.bytes(), static_cast<std::size_t>(values.size()) * ByteWidth(values.type()));
}

void EncodeMetadata(const std::string& name, const Network& network,
                    const std::vector<std::int64_t>& versions,
                    inference::ModelMetadataResponse* response) {
  response->set_name(name);
  for (const std::int64_t version : versions) response->add_versions(absl::StrCat(version));
  response->set_platform(kPlatform);
  DescribeInferenceInputs(network, response);
  auto* const output = response->add_outputs();
  output->set_name(kInferenceOutput);
  output->set_datatype(std::string(InferenceTypeOf(network.data_type()).name));
  output->add_shape(-1);
  output->add_shape(network.outputs());
}

void EncodeServer(std::string_view version, inference::ServerMetadataResponse* response) {
  response->set_name("descent");
  response->set_version(std::string(version));
  response->add_extensions("binary_tensor_data");
}

}  // namespace descent::wire
