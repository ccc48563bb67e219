#include "server/wire/inference.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "core/text_view.h"
#include "google/protobuf/descriptor.h"
#include "server/wire/inference_type.h"
#include "server/wire/request_fields.h"
#include "server/wire/specs.h"
#include "server/wire/tensor.h"
#include "server/wire/tensor_checks.h"
#include "server/wire/unknown_fields.h"

namespace descent::wire {
namespace {

using inference::InferParameter;
using inference::ModelInferRequest;
using InferTensor = ModelInferRequest::InferInputTensor;
using Parameters = google::protobuf::Map<std::string, InferParameter>;

constexpr char kPlatform[] = "descent";
constexpr char kInput[] = "inputs[0]";  // the one that there is
constexpr char kRawInput[] = "raw_input_contents[0]";

// What no answer here would be without: to go on as if they were not there would answer something
// else than was asked for. All other parameters are hints.
constexpr std::string_view kSharedMemory[] = {"shared_memory_region", "shared_memory_byte_size",
                                              "shared_memory_offset"};
constexpr std::string_view kSequences[] = {"sequence_id", "sequence_start", "sequence_end"};
constexpr std::string_view kClassification[] = {"classification"};
constexpr char kRawOutputs[] = "raw_outputs";

// A text of the caller's in a message, cut short.
std::string Quoted(std::string_view text) {
  constexpr std::size_t kMost = 64;
  return absl::StrCat("\"", absl::CHexEscape(View(text.substr(0, kMost))),
                      text.size() > kMost ? "...\"" : "\"");
}

absl::Status RefuseParameters(std::string_view field, const Parameters& parameters,
                              absl::Span<const std::string_view> refused) {
  if (parameters.empty()) return absl::OkStatus();
  for (const std::string_view name : refused) {
    if (!parameters.contains(std::string(name))) continue;
    return InvalidField(absl::StrCat(View(field), ".", View(name)),
                        "this server has nothing like it; leave it away", {},
                        "UNSUPPORTED_PARAMETER");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> WantsRawOutputs(const Parameters& parameters) {
  const auto found = parameters.find(kRawOutputs);
  if (found == parameters.end()) return false;
  if (found->second.parameter_choice_case() != InferParameter::kBoolParam) {
    return InvalidField(absl::StrCat("parameters.", kRawOutputs), "expected a bool_param");
  }
  return found->second.bool_param();
}

absl::Status UnknownTensor(std::string_view field, std::string_view name, const char* expected) {
  if (name.empty()) return RequiredField(field);
  return InvalidField(field,
                      absl::StrCat("the model has no ", Quoted(name), ", only \"", expected, "\""),
                      {}, "UNKNOWN_TENSOR");
}

absl::Status CheckRequestedOutputs(const ModelInferRequest& request) {
  for (int i = 0; i < request.outputs_size(); ++i) {
    const std::string field = absl::StrCat("outputs[", i, "]");
    const auto& output = request.outputs(i);
    if (output.name() != kInferenceOutput) {
      return UnknownTensor(absl::StrCat(field, ".name"), output.name(), kInferenceOutput);
    }
    if (i > 0) return ContradictoryField(absl::StrCat(field, ".name"), "is there twice");
    const std::string parameters = absl::StrCat(field, ".parameters");
    RETURN_IF_ERROR(RefuseParameters(parameters, output.parameters(), kSharedMemory));
    RETURN_IF_ERROR(RefuseParameters(parameters, output.parameters(), kClassification));
  }
  return absl::OkStatus();
}

absl::StatusOr<const InferenceType*> CheckType(const InferTensor& input) {
  constexpr char kField[] = "inputs[0].datatype";
  if (input.datatype().empty()) return InvalidField(kField, "required", {}, "WRONG_DATA_TYPE");
  const InferenceType* type = FindInferenceType(input.datatype());
  if (type != nullptr) return type;
  return InvalidField(kField,
                      input.datatype() == "BYTES"
                          ? "the model takes numbers, not BYTES"
                          : absl::StrCat("unknown datatype ", Quoted(input.datatype())),
                      {}, "WRONG_DATA_TYPE");
}

absl::Span<const std::int64_t> ShapeOfInput(const InferTensor& input) {
  return absl::MakeConstSpan(input.shape().data(), static_cast<std::size_t>(input.shape_size()));
}

absl::Status WrongSize(std::string_view field, const InferTensor& input, std::int64_t expected,
                       std::int64_t actual, const char* unit) {
  return InvalidField(
      field,
      absl::StrCat("expected ", expected, " ", unit, " for shape ", ShapeText(ShapeOfInput(input)),
                   " of ", input.datatype(), ", got ", actual),
      {}, "MALFORMED_TENSOR");
}

// Contents that are known to be what datatype and shape say, laid out as raw elements of `type`.
struct InputElements {
  const InferenceType* type;
  const char* data;
  std::int64_t count;
};

absl::StatusOr<InputElements> RawElements(const ModelInferRequest& request,
                                          const InferenceType& type, std::int64_t count) {
  const InferTensor& input = request.inputs(0);
  if (request.raw_input_contents_size() != 1) {
    return InvalidField(
        "raw_input_contents",
        absl::StrCat("expected one entry for each of 1 inputs, or none at all, got ",
                     request.raw_input_contents_size()),
        {}, "MALFORMED_TENSOR");
  }
  if (input.has_contents() && input.contents().ByteSizeLong() > 0) {
    return ContradictoryField("inputs[0].contents", "raw_input_contents are set already");
  }
  const std::string& raw = request.raw_input_contents(0);
  const auto actual = static_cast<std::int64_t>(raw.size());
  if (actual != count * type.width) {
    return WrongSize(kRawInput, input, count * type.width, actual, "bytes");
  }
  return InputElements{&type, raw.data(), count};
}

// Whether every value of a field that is wider than the datatype is one of the datatype's.
template <typename Stored>
absl::Status CheckRange(const InferenceType& type, const TypedElements& elements) {
  for (std::int64_t i = 0; i < elements.count; ++i) {
    Stored stored;
    std::memcpy(&stored, elements.data + i * static_cast<std::int64_t>(sizeof stored),
                sizeof stored);
    const std::int64_t value = stored;
    if (value < type.minimum || value > type.maximum) {
      return InvalidField(absl::StrCat("inputs[0].contents.", type.contents_field),
                          absl::StrCat("value ", value, " at index ", i, " is out of the range of ",
                                       View(type.name)),
                          {{"index", absl::StrCat(i)}}, "MALFORMED_TENSOR");
    }
  }
  return absl::OkStatus();
}

// Nothing may be in a field that does not go with the datatype.
absl::Status CheckContentsFields(const InferenceType& type,
                                 const inference::InferTensorContents& contents) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  inference::InferTensorContents::GetReflection()->ListFields(contents, &fields);
  for (const auto* field : fields) {
    if (type.contents_field != nullptr && field->name() == type.contents_field) continue;
    return InvalidField(
        absl::StrCat("inputs[0].contents.", field->name()),
        absl::StrCat(View(type.name), " is in ",
                     type.contents_field == nullptr ? "raw_input_contents" : type.contents_field),
        {}, "MALFORMED_TENSOR");
  }
  return absl::OkStatus();
}

absl::StatusOr<InputElements> TypedContents(const InferTensor& input, const InferenceType& type,
                                            std::int64_t count) {
  RETURN_IF_ERROR(CheckContentsFields(type, input.contents()));
  if (type.typed == nullptr) {
    return InvalidField("raw_input_contents",
                        absl::StrCat("required: ", View(type.name), " comes raw alone"), {},
                        "MALFORMED_TENSOR");
  }
  const TypedElements elements = type.typed(input.contents());
  if (elements.count != count) {
    return WrongSize(absl::StrCat("inputs[0].contents.", type.contents_field), input, count,
                     elements.count, "values");
  }
  if (type.is_narrower) {
    const bool is_signed = type.minimum < 0;
    RETURN_IF_ERROR(is_signed ? CheckRange<std::int32_t>(type, elements)
                              : CheckRange<std::uint32_t>(type, elements));
  }
  return InputElements{FindInferenceType(type.stored_as), elements.data, count};
}

absl::StatusOr<Matrix> DecodeInput(const ModelInferRequest& request, const Network& network) {
  const InferTensor& input = request.inputs(0);
  ASSIGN_OR_RETURN(const InferenceType* const type, CheckType(input));
  const auto shape = ShapeOfInput(input);
  ASSIGN_OR_RETURN(const std::int64_t count, CheckedCount(kInput, shape, type->width));
  RETURN_IF_ERROR(CheckShape(kInput, shape, {kAnyRows, network.input_features()}));
  ASSIGN_OR_RETURN(const InputElements elements, request.raw_input_contents_size() > 0
                                                     ? RawElements(request, *type, count)
                                                     : TypedContents(input, *type, count));
  Matrix matrix = Matrix::ForOverwrite(network.data_type(), shape[0], network.input_features());
  Buffer& out = matrix.buffer();
  const std::int64_t bad =
      out.type() == DataType::kFloat32
          ? elements.type->to_float32(elements.data, elements.count, out.data<float>())
          : elements.type->to_float64(elements.data, elements.count, out.data<double>());
  if (bad < 0) return matrix;
  return NonFinite(kInput, shape, bad, out.At(bad), out.type());
}

absl::StatusOr<std::string> CheckedName(std::string_view field, const std::string& name) {
  RETURN_IF_ERROR(CheckModelName(field, name));
  return name;
}

void DescribeTensor(const char* name, std::int64_t columns, DataType type,
                    inference::ModelMetadataResponse::TensorMetadata* tensor) {
  tensor->set_name(name);
  tensor->set_datatype(std::string(InferenceTypeOf(type).name));
  tensor->add_shape(-1);
  tensor->add_shape(columns);
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
                 absl::StrCat("there is no version ", Quoted(version),
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
      absl::StrCat("there is no checkpoint of version ", Quoted(version), "; there are ",
                   there.empty() ? "none" : there, ", and the latest parameters without a version"),
      {{"version", std::string(version.substr(0, 64))}, {"versions", there}});
}

absl::StatusOr<models::PredictCommand> Decode(const inference::ModelInferRequest& request,
                                              const Network& network) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  RETURN_IF_ERROR(RefuseParameters("parameters", request.parameters(), kSequences));
  models::PredictCommand command;
  ASSIGN_OR_RETURN(command.raw_outputs, WantsRawOutputs(request.parameters()));
  if (request.inputs_size() != 1) {
    return InvalidField(
        "inputs",
        absl::StrCat("expected one, \"", kInferenceInput, "\", got ", request.inputs_size()), {},
        request.inputs_size() == 0 ? "REQUIRED_FIELD" : "UNKNOWN_TENSOR");
  }
  const InferTensor& input = request.inputs(0);
  if (input.name() != kInferenceInput) {
    return UnknownTensor("inputs[0].name", input.name(), kInferenceInput);
  }
  RETURN_IF_ERROR(RefuseParameters("inputs[0].parameters", input.parameters(), kSharedMemory));
  RETURN_IF_ERROR(CheckRequestedOutputs(request));
  ASSIGN_OR_RETURN(command.inputs, DecodeInput(request, network));
  return command;
}

void Encode(const models::PredictOutcome& outcome, const InferenceEcho& echo,
            inference::ModelInferResponse* response) {
  response->set_model_name(echo.model);
  response->set_model_version(absl::StrCat(outcome.step));
  response->set_id(echo.id);
  const Buffer& values = outcome.outputs.buffer();
  auto* output = response->add_outputs();
  output->set_name(kInferenceOutput);
  output->set_datatype(std::string(InferenceTypeOf(values.type()).name));
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
  DescribeTensor(kInferenceInput, network.input_features(), network.data_type(),
                 response->add_inputs());
  DescribeTensor(kInferenceOutput, network.outputs(), network.data_type(), response->add_outputs());
}

void EncodeServer(std::string_view version, inference::ServerMetadataResponse* response) {
  response->set_name("descent");
  response->set_version(std::string(version));
  response->add_extensions("binary_tensor_data");
}

}  // namespace descent::wire
