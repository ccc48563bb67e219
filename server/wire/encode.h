// Outcomes -> responses. A response must be empty when it is handed in.
//
// `encoding` is that of the request's inputs (EncodingOf in tensor.h); answers to requests without
// inputs are raw.

#ifndef SERVER_WIRE_ENCODE_H_
#define SERVER_WIRE_ENCODE_H_

#include <cstdint>
#include <string>

#include "core/network.h"
#include "descent/v1/admin_service.pb.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "server/models/commands.h"
#include "server/wire/tensor.h"

namespace descent::wire {

// ModelService.

void Encode(const models::ModelInfo& outcome, v1::CreateModelResponse* response);
void Encode(const models::ModelInfo& outcome, v1::GetModelResponse* response);
void Encode(const models::ModelInfo& outcome, v1::UpdateModelResponse* response);
// By value: gcc 12 takes a reference to an empty struct for a read of memory that nothing has set.
void Encode(models::DeleteModelOutcome outcome, v1::DeleteModelResponse* response);
void Encode(const models::ListModelsOutcome& outcome, v1::ListModelsResponse* response);
void Encode(const models::GetParametersOutcome& outcome, const Network& network,
            v1::GetParametersResponse* response);
void Encode(const models::SetParametersOutcome& outcome, v1::SetParametersResponse* response);
void Encode(const models::CheckpointOutcome& outcome, v1::CreateCheckpointResponse* response);
void Encode(const models::ListCheckpointsOutcome& outcome, v1::ListCheckpointsResponse* response);
void Encode(const models::ListHistoryOutcome& outcome, v1::ListHistoryResponse* response);
void Encode(const models::ModelInfo& outcome, v1::RestoreCheckpointResponse* response);
void Encode(models::DeleteCheckpointOutcome outcome, v1::DeleteCheckpointResponse* response);

// NetworkService.

void Encode(const models::ForwardOutcome& outcome, const Network& network, Encoding encoding,
            v1::ForwardResponse* response);
void Encode(const models::GradientOutcome& outcome, const Network& network, Encoding encoding,
            v1::GradientResponse* response);
void Encode(const models::StepOutcome& outcome, v1::StepResponse* response);
void Encode(const models::PredictOutcome& outcome, Encoding encoding,
            v1::PredictResponse* response);
void Encode(const models::TrainReady& ready, v1::TrainResponse* response);
void Encode(const models::TrainAck& ack, v1::TrainResponse* response);
void Encode(const models::EvaluateOutcome& outcome, v1::EvaluateResponse* response);

// AdminService.

// The next part of a file of `total_bytes`.
void EncodeBackup(std::string chunk, std::int64_t total_bytes, v1::BackupResponse* response);

}  // namespace descent::wire

#endif  // SERVER_WIRE_ENCODE_H_
