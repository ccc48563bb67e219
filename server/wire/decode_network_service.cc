#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/embeddings/first_table.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/wire/categories.h"
#include "server/wire/decode.h"
#include "server/wire/fingerprint.h"
#include "server/wire/request_fields.h"
#include "server/wire/unknown_fields.h"

namespace descent::wire {
namespace {

// The inputs of a request for one pass, into its command.
template <typename Request, typename Command>
absl::Status DecodeInputsInto(const Request& request, const Network& network, Command* command) {
  ASSIGN_OR_RETURN(DecodedInputs inputs, DecodeInputs(request.has_inputs(), request.inputs(),
                                                      request.categories(), network));
  command->inputs = std::move(inputs.inputs);
  command->categories = std::move(inputs.categories);
  return absl::OkStatus();
}

absl::StatusOr<Batch> DecodeBatch(const v1::Batch& message, const Network& network) {
  if (!message.has_targets()) return RequiredField("targets");
  Batch batch;
  ASSIGN_OR_RETURN(DecodedInputs inputs, DecodeInputs(message.has_inputs(), message.inputs(),
                                                      message.categories(), network));
  batch.inputs = std::move(inputs.inputs);
  batch.categories = std::move(inputs.categories);
  ASSIGN_OR_RETURN(batch.targets,
                   DecodeTargets("targets", message.targets(), batch.rows(), network));
  if (message.has_weights()) {
    ASSIGN_OR_RETURN(batch.weights,
                     DecodeWeights("weights", message.weights(), batch.rows(), network));
  }
  return batch;
}

absl::StatusOr<models::GradientUpdate> DecodeGradientUpdate(const v1::GradientUpdate& message,
                                                            const Network& network) {
  models::GradientUpdate update;
  RETURN_IF_ERROR(CheckAtLeast("base_step", message.base_step(), 0));
  update.base_step = message.base_step();
  ASSIGN_OR_RETURN(
      update.max_staleness,
      DecodeStepNumber("max_staleness", message.has_max_staleness(), message.max_staleness()));
  // Each parameter is there once, so counting them finds what is missing.
  const std::size_t dense = FirstTable(network);
  const auto count = static_cast<std::size_t>(message.gradients_size());
  if (count < dense) {
    return InvalidField(
        "gradients", absl::StrCat("expected the gradients of all ", dense, " parameters",
                                  network.tables().empty() ? "" : " but tables", ", got ", count));
  }
  ASSIGN_OR_RETURN(NamedTensors gradients,
                   DecodeNamedTensors("gradients", message.gradients(), Conversion::kAny,
                                      Among::kDense, network));
  update.gradients = std::move(gradients.values);
  ASSIGN_OR_RETURN(update.tables,
                   DecodeTableGradients("sparse_gradients", message.sparse_gradients(), network));
  return update;
}

absl::StatusOr<std::optional<double>> DecodeLearningRate(bool is_set, double learning_rate) {
  if (!is_set) return std::nullopt;
  RETURN_IF_ERROR(CheckLearningRate(learning_rate));
  return learning_rate;
}

// The key of an update, by what was decoded from its request.
models::RequestKey KeyOf(const v1::StepRequest& request, const models::StepCommand& command) {
  if (request.request_id().empty()) return {};
  Fingerprint fingerprint("Step");
  fingerprint.Add(request.model()).Add(command.expected_step).Add(command.learning_rate);
  if (const auto* batch = std::get_if<Batch>(&command.update)) {
    fingerprint.Add("batch").Add(*batch);
  } else {
    const auto& update = std::get<models::GradientUpdate>(command.update);
    fingerprint.Add("gradients")
        .Add(update.base_step)
        .Add(update.max_staleness)
        .Add(update.gradients)
        .Add(update.tables);
  }
  return {request.request_id(), fingerprint.Digest()};
}

absl::StatusOr<models::TrainBatchCommand> DecodeTrainBatch(const v1::TrainBatch& message,
                                                           const Network& network) {
  models::TrainBatchCommand command;
  RETURN_IF_ERROR(CheckAtLeast("sequence", message.sequence(), 1));
  command.sequence = message.sequence();
  if (!message.has_batch()) return RequiredField("batch");
  auto batch = DecodeBatch(message.batch(), network);
  if (!batch.ok()) return WithFieldPrefix(std::move(batch).status(), "batch");
  command.batch = *std::move(batch);
  ASSIGN_OR_RETURN(command.learning_rate,
                   DecodeLearningRate(message.has_learning_rate(), message.learning_rate()));
  return command;
}

// The error of a batch in a field of a message.
absl::Status OfBatch(const v1::TrainBatch& batch, std::string_view field, absl::Status status) {
  return WithMetadata(WithFieldPrefix(std::move(status), field), "sequence",
                      absl::StrCat(batch.sequence()));
}

}  // namespace

absl::StatusOr<models::ForwardCommand> Decode(const v1::ForwardRequest& request,
                                              const Network& network) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  models::ForwardCommand command;
  RETURN_IF_ERROR(DecodeInputsInto(request, network, &command));
  return command;
}

absl::StatusOr<models::PredictCommand> Decode(const v1::PredictRequest& request,
                                              const Network& network) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  models::PredictCommand command;
  RETURN_IF_ERROR(DecodeInputsInto(request, network, &command));
  command.raw_outputs = request.raw_outputs();
  return command;
}

absl::StatusOr<models::GradientCommand> Decode(const v1::GradientRequest& request,
                                               const Network& network) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  models::GradientCommand command;
  RETURN_IF_ERROR(DecodeInputsInto(request, network, &command));
  const std::int64_t rows = command.inputs.rows();
  switch (request.cotangent_case()) {
    case v1::GradientRequest::kTargets: {
      ASSIGN_OR_RETURN(command.cotangent,
                       DecodeTargets("targets", request.targets(), rows, network));
      break;
    }
    case v1::GradientRequest::kOutputGradient: {
      if (request.has_weights()) {
        return ContradictoryField("weights", "an output_gradient is weighted already");
      }
      ASSIGN_OR_RETURN(command.cotangent,
                       DecodeMatrix("output_gradient", request.output_gradient(), rows,
                                    network.outputs(), network.data_type()));
      break;
    }
    case v1::GradientRequest::COTANGENT_NOT_SET:
      return InvalidField("cotangent", "set targets or output_gradient", {}, "REQUIRED_FIELD");
  }
  if (request.has_weights()) {
    ASSIGN_OR_RETURN(command.weights, DecodeWeights("weights", request.weights(), rows, network));
  }
  command.input_gradient = request.input_gradient();
  if (command.input_gradient && network.input_features() == 0) {
    return ContradictoryField("input_gradient", "the network has no numeric inputs");
  }
  ASSIGN_OR_RETURN(command.parameters,
                   DecodeParameterNames("parameters", request.parameters(), network.layout()));
  command.norms_only = request.norms_only();
  command.training = request.training();
  return command;
}

absl::StatusOr<models::StepCommand> Decode(const v1::StepRequest& request, const Network& network) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  models::StepCommand command;
  ASSIGN_OR_RETURN(
      command.expected_step,
      DecodeStepNumber("expected_step", request.has_expected_step(), request.expected_step()));
  ASSIGN_OR_RETURN(command.learning_rate,
                   DecodeLearningRate(request.has_learning_rate(), request.learning_rate()));
  switch (request.update_case()) {
    case v1::StepRequest::kBatch: {
      auto batch = DecodeBatch(request.batch(), network);
      if (!batch.ok()) return WithFieldPrefix(std::move(batch).status(), "batch");
      command.update = *std::move(batch);
      break;
    }
    case v1::StepRequest::kGradients: {
      auto update = DecodeGradientUpdate(request.gradients(), network);
      if (!update.ok()) return WithFieldPrefix(std::move(update).status(), "gradients");
      command.update = *std::move(update);
      break;
    }
    case v1::StepRequest::UPDATE_NOT_SET:
      return InvalidField("update", "set batch or gradients", {}, "REQUIRED_FIELD");
  }
  command.request = KeyOf(request, command);
  return command;
}

absl::StatusOr<models::TrainStart> DecodeTrainStart(const v1::TrainRequest& first) {
  constexpr std::size_t kLongestSessionId = 128;
  RETURN_IF_ERROR(RejectUnknownFields(first));
  if (!first.has_start()) return RequiredField("start");
  if (first.more_size() > 0) return ContradictoryField("more", "it follows a batch, not a start");
  const v1::TrainStart& message = first.start();
  if (message.session_id().empty() || message.session_id().size() > kLongestSessionId) {
    return InvalidField("start.session_id",
                        absl::StrCat("expected 1 to ", kLongestSessionId, " bytes, got ",
                                     message.session_id().size()));
  }
  models::TrainStart start;
  start.session_id = message.session_id();
  ASSIGN_OR_RETURN(start.expected_step,
                   DecodeStepNumber("start.expected_step", message.has_expected_step(),
                                    message.expected_step()));
  RETURN_IF_ERROR(CheckAtLeast("start.ack_every", message.ack_every(), 0));
  start.ack_every = message.ack_every();
  return start;
}

absl::StatusOr<models::TrainBatchCommand> DecodeTrainBatch(const v1::TrainRequest& request,
                                                           const Network& network) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  if (!request.has_batch()) {
    return InvalidField("batch", "required in every message but the first", {}, "REQUIRED_FIELD");
  }
  if (request.more_size() >= kMostBatches) {
    return InvalidField(
        "more", absl::StrCat("has ", request.more_size(), " batches; at most ", kMostBatches,
                             " come in one message, `batch` among them"));
  }
  auto command = DecodeTrainBatch(request.batch(), network);
  if (command.ok()) return command;
  return OfBatch(request.batch(), "batch", std::move(command).status());
}

absl::StatusOr<models::TrainBatchCommand> DecodeFollowingBatch(const v1::TrainRequest& request,
                                                               int index, const Network& network) {
  auto command = DecodeTrainBatch(request.more(index), network);
  if (command.ok()) return command;
  return OfBatch(request.more(index), absl::StrCat("more[", index, "]"),
                 std::move(command).status());
}

absl::StatusOr<Batch> DecodeEvaluateBatch(const v1::EvaluateRequest& request,
                                          std::string_view model, const Network& network) {
  RETURN_IF_ERROR(RejectUnknownFields(request));
  if (!request.model().empty() && request.model() != model) {
    return ContradictoryField("model", "every batch of a stream is for the same model");
  }
  if (!request.has_batch()) return RequiredField("batch");
  auto batch = DecodeBatch(request.batch(), network);
  if (!batch.ok()) return WithFieldPrefix(std::move(batch).status(), "batch");
  return batch;
}

}  // namespace descent::wire
