#include "tests/fuzz/played_model.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/finite.h"
#include "server/wire/decode.h"
#include "server/wire/encode.h"
#include "server/wire/kinds.h"
#include "tests/fuzz/checked_answers.h"
#include "tests/models/replies.h"

namespace descent::fuzz {
namespace {

using models::Await;
using models::Model;
using models::Registry;
using models::Reply;

// Everything small is done where it is asked for, and a model that a request describes has to be
// small.
Registry* TheRegistry() {
  static auto* const registry = [] {
    models::ModelsOptions options;
    options.threads = 1;
    options.inline_multiply_adds = std::int64_t{1} << 40;
    models::SetMemoryBudget(std::size_t{64} << 20, &options);
    return new Registry(options);
  }();
  return registry;
}

}  // namespace

v1::GradientRequest GradientOf(const v1::Batch& batch, int ways) {
  v1::GradientRequest request;
  *request.mutable_inputs() = batch.inputs();
  if ((ways & 3) == 3) {
    *request.mutable_output_gradient() = batch.targets();
  } else {
    *request.mutable_targets() = batch.targets();
    if (batch.has_weights()) *request.mutable_weights() = batch.weights();
  }
  request.set_input_gradient((ways & 4) != 0);
  request.set_norms_only((ways & 8) != 0);
  return request;
}

PlayedModel::PlayedModel(Taken* taken) {
  v1::CreateModelRequest request;
  v1::Model& made = *request.mutable_model();
  made.set_name(kModelName);
  v1::NetworkSpec& network = *made.mutable_network();
  const auto losses = wire::LossRows();
  const auto types = wire::NetworkDataTypeRows();
  const std::size_t pair = taken->Byte() % (losses.size() * types.size());
  network.mutable_loss()->set_kind(losses[pair % losses.size()].wire);
  network.set_data_type(types[pair / losses.size()].wire);
  network.set_input_features(2);
  network.set_seed(7);
  v1::DenseLayer& hidden = *network.add_layers()->mutable_dense();
  v1::DenseLayer& output = *network.add_layers()->mutable_dense();
  output.set_units(1 + taken->Below(3));
  hidden.set_units(3);
  const auto activations = wire::ActivationRows();
  hidden.mutable_activation()->set_kind(activations[taken->Byte() % activations.size()].wire);
  made.mutable_optimizer()->set_learning_rate(0.1);
  made.mutable_optimizer()->mutable_adam();
  Registry& registry = *TheRegistry();
  auto command = wire::Decode(request);
  DESCENT_CHECK(command.ok());
  DESCENT_CHECK(Await<models::ModelInfo>([&](Reply<models::ModelInfo> reply) {
                  registry.Create(*std::move(command), {}, std::move(reply));
                }).ok());
  model_ = *registry.Find(kModelName);
}

PlayedModel::~PlayedModel() {
  model_.reset();
  Registry& registry = *TheRegistry();
  while (true) {
    const auto listed = registry.List({});
    DESCENT_CHECK(listed.ok());
    if (listed->models.empty()) return;
    for (const models::ModelInfo& info : listed->models) {
      Await<models::DeleteModelOutcome>([&](Reply<models::DeleteModelOutcome> reply) {
        registry.Delete({.name = info.settings.name, .request = {}}, {}, std::move(reply));
      }).IgnoreError();
    }
  }
}

template <typename Response, typename Outcome, typename Command, typename Encode>
std::optional<Outcome> PlayedModel::RunOn(absl::StatusOr<Command> command,
                                          void (Model::*run)(Command, models::CallContext,
                                                             Reply<Outcome>),
                                          const Encode& encode) {
  if (!command.ok()) {
    CheckFailure(command.status());
    return std::nullopt;
  }
  absl::StatusOr<Outcome> outcome = Await<Outcome>(
      [&](Reply<Outcome> reply) { ((*model_).*run)(*std::move(command), {}, std::move(reply)); });
  if (!outcome.ok()) {
    CheckFailure(outcome.status());
    return std::nullopt;
  }
  Response response;
  encode(*outcome, &response);
  CheckAnswer(response);
  return *std::move(outcome);
}

void PlayedModel::Run(const v1::PredictRequest& request) {
  RunOn<v1::PredictResponse>(wire::Decode(request, network()), &Model::Predict,
                             [&](const auto& outcome, auto* response) {
                               wire::Encode(outcome, wire::EncodingOf(request.inputs()), response);
                             });
}

void PlayedModel::Run(const v1::ForwardRequest& request) {
  RunOn<v1::ForwardResponse>(
      wire::Decode(request, network()), &Model::Forward, [&](const auto& outcome, auto* response) {
        wire::Encode(outcome, network(), wire::EncodingOf(request.inputs()), response);
      });
}

std::optional<double> PlayedModel::LossOf(const v1::GradientRequest& request) {
  const auto outcome = RunOn<v1::GradientResponse>(
      wire::Decode(request, network()), &Model::Gradient,
      [&](const auto& gradient, auto* response) {
        wire::Encode(gradient, network(), wire::EncodingOf(request.inputs()), response);
      });
  if (!outcome.has_value()) return std::nullopt;
  return outcome->loss;
}

void PlayedModel::Run(const v1::GradientRequest& request) { LossOf(request); }

void PlayedModel::Run(const v1::StepRequest& request) {
  const auto expected = LossOf(GradientOf(request.batch(), 0));
  const auto outcome = RunOn<v1::StepResponse>(
      wire::Decode(request, network()), &Model::Step,
      [](const auto& step, auto* response) { wire::Encode(step, response); });
  // Of a batch and not of gradients, and not an answer of before.
  if (request.has_batch() && outcome.has_value() && !outcome->replayed) {
    DESCENT_CHECK(!expected.has_value() || *expected == outcome->loss);
  }
}

void PlayedModel::Run(const v1::SetParametersRequest& request) {
  RunOn<v1::SetParametersResponse>(
      wire::Decode(request, network()), &Model::SetParameters,
      [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
}

void PlayedModel::Run(const v1::GetParametersRequest& request) {
  RunOn<v1::GetParametersResponse>(
      wire::Decode(request, network()), &Model::GetParameters,
      [&](const auto& outcome, auto* response) { wire::Encode(outcome, network(), response); });
}

void PlayedModel::Run(const v1::UpdateModelRequest& request) {
  RunOn<v1::UpdateModelResponse>(
      wire::Decode(request, model_->settings()), &Model::Update,
      [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
}

void PlayedModel::Run(const v1::CreateCheckpointRequest& request) {
  RunOn<v1::CreateCheckpointResponse>(
      wire::Decode(request), &Model::CreateCheckpoint,
      [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
}

void PlayedModel::Run(const v1::ListCheckpointsRequest& request) {
  RunOn<v1::ListCheckpointsResponse>(
      wire::Decode(request), &Model::ListCheckpoints,
      [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
}

void PlayedModel::Run(const v1::ListHistoryRequest& request) {
  RunOn<v1::ListHistoryResponse>(
      wire::Decode(request), &Model::ListHistory,
      [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
}

void PlayedModel::Run(const v1::RestoreCheckpointRequest& request) {
  RunOn<v1::RestoreCheckpointResponse>(
      wire::Decode(request), &Model::RestoreCheckpoint,
      [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
}

void PlayedModel::Run(const v1::DeleteCheckpointRequest& request) {
  RunOn<v1::DeleteCheckpointResponse>(
      wire::Decode(request), &Model::DeleteCheckpoint,
      [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
}

void PlayedModel::Run(const v1::ListModelsRequest& request) {
  const auto command = wire::Decode(request);
  if (!command.ok()) return CheckFailure(command.status());
  const auto outcome = TheRegistry()->List(*command);
  if (!outcome.ok()) return CheckFailure(outcome.status());
  v1::ListModelsResponse response;
  wire::Encode(*outcome, &response);
  CheckAnswer(response);
}

void PlayedModel::Run(const v1::CreateModelRequest& request) {
  auto command = wire::Decode(request);
  if (!command.ok()) return CheckFailure(command.status());
  // What is remembered of requests outlives the input.
  command->request = {};
  const auto outcome = Await<models::ModelInfo>([&](Reply<models::ModelInfo> reply) {
    TheRegistry()->Create(*std::move(command), {}, std::move(reply));
  });
  if (!outcome.ok()) return CheckFailure(outcome.status());
  v1::CreateModelResponse response;
  wire::Encode(*outcome, &response);
  CheckAnswer(response);
}

void PlayedModel::Run(const v1::TrainRequest& request) { Train(request); }

void PlayedModel::Run(const v1::EvaluateRequest& request) { Evaluate(request); }

void PlayedModel::Train(const v1::TrainRequest& request) {
  if (observer_ != nullptr && observer_->finished()) observer_.reset();
  if (observer_ == nullptr) {
    auto start = wire::DecodeTrainStart(request);
    if (!start.ok()) return CheckFailure(start.status());
    observer_ = std::make_shared<Observer>();
    auto session = model_->AttachSession(*std::move(start), observer_);
    DESCENT_CHECK(session.ok());
    session_ = *std::move(session);
    if (!observer_->AwaitReady()) return;
    submitted_ = observer_->sequence();
    return;
  }
  auto batch = wire::DecodeTrainBatch(request, network());
  if (batch.ok()) {
    submitted_ = std::max(submitted_, batch->sequence);
    session_->Submit(*std::move(batch));
  } else {
    session_->Fail(std::move(batch).status());
    observer_->AwaitFinished();
  }
}

void PlayedModel::HalfClose() {
  if (observer_ == nullptr) return;
  session_->HalfClose();
  observer_->AwaitFinished();
  observer_.reset();
  session_.reset();
}

void PlayedModel::Evaluate(const v1::EvaluateRequest& request) {
  auto batch = wire::DecodeEvaluateBatch(request, kModelName, network());
  if (!batch.ok()) return CheckFailure(batch.status());
  const bool is_first = evaluation_ == nullptr;
  if (is_first) {
    evaluation_ = model_->BeginEvaluation();
    first_loss_ = LossOf(GradientOf(request.batch(), 0));
  } else {
    first_loss_.reset();
  }
  const auto rows = Await<std::int64_t>([&](Reply<std::int64_t> reply) {
    evaluation_->Add(*std::move(batch), {}, std::move(reply));
  });
  if (rows.ok()) return;
  CheckFailure(rows.status());
  evaluation_.reset();
}

void PlayedModel::FinishEvaluation() {
  if (evaluation_ == nullptr) return;
  const auto outcome = Await<models::EvaluateOutcome>(
      [&](Reply<models::EvaluateOutcome> reply) { evaluation_->Finish({}, std::move(reply)); });
  evaluation_.reset();
  if (!outcome.ok()) return CheckFailure(outcome.status());
  v1::EvaluateResponse response;
  wire::Encode(*outcome, &response);
  CheckAnswer(response);
  // One batch has the loss that its gradient has.
  if (first_loss_.has_value()) DESCENT_CHECK(outcome->loss == *first_loss_);
}

void PlayedModel::CheckParameters() {
  const auto parameters =
      Await<models::GetParametersOutcome>([&](Reply<models::GetParametersOutcome> reply) {
        model_->GetParameters({}, {}, std::move(reply));
      });
  DESCENT_CHECK(parameters.ok() && FirstNonFinite(parameters->snapshot.parameters()) < 0);
}

}  // namespace descent::fuzz
