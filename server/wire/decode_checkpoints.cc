#include "core/status_macros.h"
#include "server/wire/decode.h"
#include "server/wire/request_fields.h"
#include "server/wire/unknown_fields.h"

namespace descent::wire {

absl::StatusOr<models::CreateCheckpointCommand> Decode(const v1::CreateCheckpointRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  models::CreateCheckpointCommand command;
  ASSIGN_OR_RETURN(command.request, DecodeRequestKey(request));
  return command;
}

absl::StatusOr<models::ListCheckpointsCommand> Decode(const v1::ListCheckpointsRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  RETURN_IF_ERROR(CheckAtLeast("page_size", request.page_size(), 0));
  return models::ListCheckpointsCommand{request.page_size(), request.page_token()};
}

absl::StatusOr<models::ListHistoryCommand> Decode(const v1::ListHistoryRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  RETURN_IF_ERROR(CheckAtLeast("after_step", request.after_step(), 0));
  RETURN_IF_ERROR(CheckAtLeast("page_size", request.page_size(), 0));
  return models::ListHistoryCommand{request.after_step(), request.page_size(),
                                    request.page_token()};
}

absl::StatusOr<models::RestoreCheckpointCommand> Decode(
    const v1::RestoreCheckpointRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  RETURN_IF_ERROR(CheckAtLeast("step", request.step(), 0));
  models::RestoreCheckpointCommand command;
  command.step = request.step();
  ASSIGN_OR_RETURN(command.request, DecodeRequestKey(request));
  ASSIGN_OR_RETURN(
      command.expected_step,
      DecodeStepNumber("expected_step", request.has_expected_step(), request.expected_step()));
  return command;
}

absl::StatusOr<models::DeleteCheckpointCommand> Decode(const v1::DeleteCheckpointRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  RETURN_IF_ERROR(CheckAtLeast("step", request.step(), 0));
  models::DeleteCheckpointCommand command;
  command.step = request.step();
  ASSIGN_OR_RETURN(command.request, DecodeRequestKey(request));
  return command;
}

absl::Status Decode(const v1::BackupRequest& request) { return RejectUnknownFields(request); }

}  // namespace descent::wire
