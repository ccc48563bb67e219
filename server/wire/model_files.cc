#include "server/wire/model_files.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"
#include "server/wire/request_fields.h"
#include "server/wire/spec_parts.h"
#include "server/wire/specs.h"
#include "server/wire/unknown_fields.h"

namespace descent::wire {
namespace {

absl::StatusOr<FileFormat> DecodeFormat(std::string_view field, v1::ExportFormat format) {
  switch (format) {
    case v1::EXPORT_FORMAT_UNSPECIFIED:
      return RequiredField(field);
    case v1::EXPORT_FORMAT_SAFETENSORS:
      return FileFormat::kSafetensors;
    case v1::EXPORT_FORMAT_ONNX:
      return FileFormat::kOnnx;
    default:
      return InvalidField(field, absl::StrCat("expected SAFETENSORS or ONNX, got ", format), {},
                          "UNKNOWN_ENUM_VALUE");
  }
}

// Whether a network is said to have a loss, and nothing else.
bool IsLossAlone(const v1::NetworkSpec& network) {
  v1::NetworkSpec rest = network;
  rest.clear_loss();
  return network.has_loss() && rest.ByteSizeLong() == 0;
}

// Without its name and what is output alone.
absl::StatusOr<PartialModel> DecodePartialModel(const v1::Model& message) {
  PartialModel model;
  if (message.has_network()) {
    ASSIGN_OR_RETURN(model.network, DecodeMember("network", DecodeNetworkSpec, message.network()));
  }
  if (message.has_optimizer()) {
    ASSIGN_OR_RETURN(model.optimizer,
                     DecodeMember("optimizer", DecodeOptimizerSpec, message.optimizer()));
  }
  if (message.durability() != v1::DURABILITY_UNSPECIFIED) {
    ASSIGN_OR_RETURN(model.durability, DecodeDurability("durability", message.durability()));
  }
  ASSIGN_OR_RETURN(model.labels, DecodeLabels(message.labels()));
  ASSIGN_OR_RETURN(model.client_data, DecodeClientData(message.client_data()));
  return model;
}

}  // namespace

absl::StatusOr<std::string> ModelName(const v1::ExportModelRequest& request) {
  RETURN_IF_ERROR(CheckModelName("model", request.model()));
  return request.model();
}

absl::StatusOr<std::string> ModelName(const v1::ImportModelRequest& first) {
  if (!first.has_start()) return RequiredField("start");
  RETURN_IF_ERROR(CheckModelName("start.name", first.start().name()));
  return first.start().name();
}

absl::StatusOr<ExportRequest> Decode(const v1::ExportModelRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  ExportRequest decoded;
  ASSIGN_OR_RETURN(decoded.model, ModelName(request));
  ASSIGN_OR_RETURN(decoded.format, DecodeFormat("format", request.format()));
  decoded.command.include_optimizer = request.include_optimizer();
  if (decoded.format == FileFormat::kOnnx && request.include_optimizer()) {
    return ContradictoryField("include_optimizer",
                              "an ONNX file has no place for an optimizer; ask for SAFETENSORS");
  }
  return decoded;
}

absl::StatusOr<ImportRequest> DecodeImportStart(const v1::ImportModelRequest& first) {
  RETURN_IF_ERROR(RejectUnknownFields(first));
  ImportRequest request;
  ASSIGN_OR_RETURN(request.name, ModelName(first));
  const v1::ImportStart& start = first.start();
  ASSIGN_OR_RETURN(request.format, DecodeFormat("start.format", start.format()));
  if (!start.model().name().empty() && start.model().name() != start.name()) {
    return ContradictoryField("start.model.name", "is another than start.name; leave it unset");
  }
  RETURN_IF_ERROR(WithFieldPrefix(CheckOutputOnlyFields(start.model()), "start.model"));
  v1::Model said = start.model();
  if (request.format == FileFormat::kOnnx && IsLossAlone(said.network())) {
    absl::StatusOr<LossSpec> loss = DecodeKind(said.network().loss(), LossRows());
    if (!loss.ok()) return WithFieldPrefix(std::move(loss).status(), "start.model.network.loss");
    request.loss = *std::move(loss);
    said.clear_network();
  }
  absl::StatusOr<PartialModel> model = DecodePartialModel(said);
  if (!model.ok()) return WithFieldPrefix(std::move(model).status(), "start.model");
  request.model = *std::move(model);
  return request;
}

absl::Status CheckImportChunk(const v1::ImportModelRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  if (request.has_start()) {
    return ContradictoryField("start", "only the first message says what to import");
  }
  return request.message_case() == v1::ImportModelRequest::kChunk ? absl::OkStatus()
                                                                  : RequiredField("chunk");
}

std::string FileModelJson(const models::ModelSettings& settings) {
  v1::Model message;
  EncodeNetworkSpec(settings.network, message.mutable_network());
  EncodeOptimizerSpec(settings.optimizer, message.mutable_optimizer());
  message.mutable_labels()->insert(settings.labels.begin(), settings.labels.end());
  message.set_client_data(settings.client_data.text());
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json);
  if (!status.ok()) return "{}";
  // Protobuf writes maps in no order of their own.
  return nlohmann::json::parse(json).dump(-1, ' ', /*ensure_ascii=*/false,
                                          nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<PartialModel> ReadFileModelJson(const std::string& json) {
  v1::Model message;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &message);
  if (!parsed.ok()) {
    return InvalidField("file.model",
                        absl::StrCat("expected descent.v1.Model as JSON: ",
                                     std::string(parsed.message()).substr(0, 300)),
                        {}, "MALFORMED_FILE");
  }
  absl::StatusOr<PartialModel> model = DecodePartialModel(message);
  if (!model.ok()) return WithFieldPrefix(std::move(model).status(), "file.model");
  model->durability.reset();
  return model;
}

void Encode(const models::ModelInfo& outcome, v1::ImportModelResponse* response) {
  EncodeModel(outcome, response->mutable_model());
}

void EncodeExportChunk(std::string chunk, v1::ExportModelResponse* response) {
  response->set_chunk(std::move(chunk));
}

}  // namespace descent::wire
