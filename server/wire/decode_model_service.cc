#include <string>
#include <utility>

#include "core/error.h"
#include "core/status_macros.h"
#include "server/wire/decode.h"
#include "server/wire/fingerprint.h"
#include "server/wire/request_fields.h"
#include "server/wire/specs.h"
#include "server/wire/unknown_fields.h"

namespace descent::wire {

absl::StatusOr<models::CreateModelCommand> Decode(const v1::CreateModelRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  if (!request.has_model()) return RequiredField("model");
  models::CreateModelCommand command;
  ASSIGN_OR_RETURN(command.request, DecodeRequestKey(request));
  auto settings = DecodeModelSettings(request.model());
  if (!settings.ok()) return WithFieldPrefix(std::move(settings).status(), "model");
  command.settings = *std::move(settings);
  return command;
}

absl::StatusOr<models::DeleteModelCommand> Decode(const v1::DeleteModelRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  RETURN_IF_ERROR(CheckModelName("name", request.name()));
  models::DeleteModelCommand command;
  ASSIGN_OR_RETURN(command.request, DecodeRequestKey(request));
  command.name = request.name();
  return command;
}

absl::StatusOr<models::ListModelsCommand> Decode(const v1::ListModelsRequest& request) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  RETURN_IF_ERROR(CheckAtLeast("page_size", request.page_size(), 0));
  return models::ListModelsCommand{request.page_size(), request.page_token()};
}

absl::StatusOr<std::vector<int>> Decode(const v1::GetParametersRequest& request,
                                        const Network& network) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  return DecodeParameterNames("names", request.names(), network.layout());
}

absl::StatusOr<models::SetParametersCommand> Decode(const v1::SetParametersRequest& request,
                                                    const Network& network) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  if (request.parameters().empty()) return RequiredField("parameters");
  models::SetParametersCommand command;
  ASSIGN_OR_RETURN(
      command.expected_step,
      DecodeStepNumber("expected_step", request.has_expected_step(), request.expected_step()));
  command.keep_optimizer_state = request.keep_optimizer_state();
  ASSIGN_OR_RETURN(NamedTensors parameters,
                   DecodeNamedTensors("parameters", request.parameters(), Conversion::kLossless,
                                      Among::kAll, network));
  command.parameters = std::move(parameters.parameters);
  command.values = std::move(parameters.values);

  if (!request.request_id().empty()) {
    Fingerprint fingerprint("SetParameters");
    fingerprint.Add(request.model());
    for (const int parameter : command.parameters) fingerprint.Add(std::int64_t{parameter});
    fingerprint.Add(command.values)
        .Add(command.expected_step)
        .Add(std::int64_t{command.keep_optimizer_state});
    command.request = {request.request_id(), fingerprint.Digest()};
  }
  return command;
}

}  // namespace descent::wire
