#include "core/status_macros.h"
#include "server/wire/decode.h"
#include "server/wire/request_fields.h"
#include "server/wire/specs.h"
#include "server/wire/unknown_fields.h"

namespace descent::wire {
namespace {

absl::StatusOr<std::string> Checked(std::string_view field, const std::string& name) {
  RETURN_IF_ERROR(CheckModelName(field, name));
  return name;
}

}  // namespace

absl::StatusOr<std::string> ModelName(const v1::GetModelRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  return Checked("name", request.name());
}

absl::StatusOr<std::string> ModelName(const v1::UpdateModelRequest& request) {
  return Checked("model.name", request.model().name());
}

absl::StatusOr<std::string> ModelName(const v1::GetParametersRequest& request) {
  return Checked("model", request.model());
}

absl::StatusOr<std::string> ModelName(const v1::SetParametersRequest& request) {
  return Checked("model", request.model());
}

absl::StatusOr<std::string> ModelName(const v1::CreateCheckpointRequest& request) {
  return Checked("model", request.model());
}

absl::StatusOr<std::string> ModelName(const v1::ListCheckpointsRequest& request) {
  return Checked("model", request.model());
}

absl::StatusOr<std::string> ModelName(const v1::ListHistoryRequest& request) {
  return Checked("model", request.model());
}

absl::StatusOr<std::string> ModelName(const v1::RestoreCheckpointRequest& request) {
  return Checked("model", request.model());
}

absl::StatusOr<std::string> ModelName(const v1::DeleteCheckpointRequest& request) {
  return Checked("model", request.model());
}

absl::StatusOr<std::string> ModelName(const v1::ForwardRequest& request) {
  return Checked("model", request.model());
}

absl::StatusOr<std::string> ModelName(const v1::GradientRequest& request) {
  return Checked("model", request.model());
}

absl::StatusOr<std::string> ModelName(const v1::StepRequest& request) {
  return Checked("model", request.model());
}

absl::StatusOr<std::string> ModelName(const v1::PredictRequest& request) {
  return Checked("model", request.model());
}

absl::StatusOr<std::string> ModelName(const v1::TrainRequest& first) {
  if (!first.has_start()) return RequiredField("start");
  return Checked("start.model", first.start().model());
}

absl::StatusOr<std::string> ModelName(const v1::EvaluateRequest& first) {
  return Checked("model", first.model());
}

}  // namespace descent::wire
