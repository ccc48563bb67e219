// Requests -> commands.
//
// A command that comes out of here needs no further checks of its tensors: they have the network's
// shapes and data type, every value is finite, targets are what the loss accepts and weights are
// >= 0 with a positive sum. What depends on a model's state (expected steps, staleness, the ranges
// of hyperparameters) is the models' to judge.
//
// Errors are kInvalidArgument with the field's path from the request ("batch.inputs",
// "parameters[3].tensor") and the reasons of tensor.h and specs.h, or UNKNOWN_FIELD: nothing that a
// request says is ignored. A parameter that the network has not is kNotFound (PARAMETER_NOT_FOUND).

#ifndef SERVER_WIRE_DECODE_H_
#define SERVER_WIRE_DECODE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/batch.h"
#include "core/network.h"
#include "descent/v1/admin_service.pb.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "server/models/commands.h"

namespace descent::wire {

// The name of the model that a request is about: what must be known before the rest of the request
// can be decoded. (A GetModelRequest has no rest.)
absl::StatusOr<std::string> ModelName(const v1::GetModelRequest& request);
absl::StatusOr<std::string> ModelName(const v1::UpdateModelRequest& request);
absl::StatusOr<std::string> ModelName(const v1::GetParametersRequest& request);
absl::StatusOr<std::string> ModelName(const v1::SetParametersRequest& request);
absl::StatusOr<std::string> ModelName(const v1::CreateCheckpointRequest& request);
absl::StatusOr<std::string> ModelName(const v1::ListCheckpointsRequest& request);
absl::StatusOr<std::string> ModelName(const v1::ListHistoryRequest& request);
absl::StatusOr<std::string> ModelName(const v1::RestoreCheckpointRequest& request);
absl::StatusOr<std::string> ModelName(const v1::DeleteCheckpointRequest& request);
absl::StatusOr<std::string> ModelName(const v1::ForwardRequest& request);
absl::StatusOr<std::string> ModelName(const v1::GradientRequest& request);
absl::StatusOr<std::string> ModelName(const v1::StepRequest& request);
absl::StatusOr<std::string> ModelName(const v1::PredictRequest& request);
// Of the first message of a stream; for TrainRequest it must be `start`.
absl::StatusOr<std::string> ModelName(const v1::TrainRequest& first);
absl::StatusOr<std::string> ModelName(const v1::EvaluateRequest& first);

// ModelService.

absl::StatusOr<models::CreateModelCommand> Decode(const v1::CreateModelRequest& request);
absl::StatusOr<models::DeleteModelCommand> Decode(const v1::DeleteModelRequest& request);
absl::StatusOr<models::ListModelsCommand> Decode(const v1::ListModelsRequest& request);
// Fields of the optimizer that the mask does not name are as in `current`.
absl::StatusOr<models::UpdateModelCommand> Decode(const v1::UpdateModelRequest& request,
                                                  const models::ModelSettings& current);
// Indices into the network's layout, in the order asked for; empty: all.
absl::StatusOr<std::vector<int>> Decode(const v1::GetParametersRequest& request,
                                        const Network& network);
absl::StatusOr<models::SetParametersCommand> Decode(const v1::SetParametersRequest& request,
                                                    const Network& network);
absl::StatusOr<models::CreateCheckpointCommand> Decode(const v1::CreateCheckpointRequest& request);
absl::StatusOr<models::ListCheckpointsCommand> Decode(const v1::ListCheckpointsRequest& request);
absl::StatusOr<models::ListHistoryCommand> Decode(const v1::ListHistoryRequest& request);
absl::StatusOr<models::RestoreCheckpointCommand> Decode(
    const v1::RestoreCheckpointRequest& request);
absl::StatusOr<models::DeleteCheckpointCommand> Decode(const v1::DeleteCheckpointRequest& request);

// NetworkService.

absl::StatusOr<models::ForwardCommand> Decode(const v1::ForwardRequest& request,
                                              const Network& network);
absl::StatusOr<models::GradientCommand> Decode(const v1::GradientRequest& request,
                                               const Network& network);
absl::StatusOr<models::StepCommand> Decode(const v1::StepRequest& request, const Network& network);
absl::StatusOr<models::PredictCommand> Decode(const v1::PredictRequest& request,
                                              const Network& network);

// The most batches of one message of a training stream.
inline constexpr int kMostBatches = 64;

// The first message of a training stream, and of any later one its first batch, which looks at the
// whole message, and those that follow. Errors of a batch carry its sequence as metadata.
absl::StatusOr<models::TrainStart> DecodeTrainStart(const v1::TrainRequest& first);
absl::StatusOr<models::TrainBatchCommand> DecodeTrainBatch(const v1::TrainRequest& request,
                                                           const Network& network);
absl::StatusOr<models::TrainBatchCommand> DecodeFollowingBatch(const v1::TrainRequest& request,
                                                               int index, const Network& network);

// Any message of an evaluation of `model`.
absl::StatusOr<Batch> DecodeEvaluateBatch(const v1::EvaluateRequest& request,
                                          std::string_view model, const Network& network);

// AdminService.

// Has nothing to say.
absl::Status Decode(const v1::BackupRequest& request);

}  // namespace descent::wire

#endif  // SERVER_WIRE_DECODE_H_
