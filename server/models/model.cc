#include "server/models/model.h"

#include <utility>

#include "server/models/reader.h"
#include "server/models/writer.h"

namespace descent::models {

Model::Model(Resources* resources, ModelState::Parts parts)
    : writer_(std::make_shared<Writer>(resources, std::move(parts))),
      reader_(std::make_unique<Reader>(resources, writer_->publication())) {}

Model::~Model() = default;

const std::string& Model::name() const { return writer_->publication()->name(); }

const std::shared_ptr<const Network>& Model::network() const {
  return writer_->publication()->network();
}

ModelSettings Model::settings() const { return writer_->publication()->settings(); }

void Model::Step(StepCommand command, CallContext context, Reply<StepOutcome> reply) {
  writer_->Step(std::move(command), std::move(context), std::move(reply));
}

void Model::SetParameters(SetParametersCommand command, CallContext context,
                          Reply<SetParametersOutcome> reply) {
  writer_->SetParameters(std::move(command), std::move(context), std::move(reply));
}

void Model::Update(UpdateModelCommand command, CallContext context, Reply<ModelInfo> reply) {
  writer_->Update(std::move(command), std::move(context), std::move(reply));
}

absl::StatusOr<std::shared_ptr<TrainingSession>> Model::AttachSession(
    TrainStart start, std::shared_ptr<TrainObserver> observer) {
  return writer_->AttachSession(std::move(start), std::move(observer));
}

void Model::Predict(PredictCommand command, CallContext context, Reply<PredictOutcome> reply) {
  reader_->Predict(std::move(command), std::move(context), std::move(reply));
}

void Model::Forward(ForwardCommand command, CallContext context, Reply<ForwardOutcome> reply) {
  reader_->Forward(std::move(command), std::move(context), std::move(reply));
}

void Model::Gradient(GradientCommand command, CallContext context, Reply<GradientOutcome> reply) {
  reader_->Gradient(std::move(command), std::move(context), std::move(reply));
}

void Model::GetParameters(std::vector<int> parameters, CallContext context,
                          Reply<GetParametersOutcome> reply) {
  reader_->GetParameters(std::move(parameters), std::move(context), std::move(reply));
}

std::shared_ptr<Evaluation> Model::BeginEvaluation() { return reader_->BeginEvaluation(); }

void Model::Info(CallContext context, Reply<ModelInfo> reply) {
  writer_->Info(std::move(context), std::move(reply));
}

ModelInfo Model::Describe() const { return writer_->publication()->Describe(); }

void Model::EndSessions(absl::Status status) { writer_->EndSessions(std::move(status)); }

void Model::Close(store::OnStored done) { writer_->Close(std::move(done)); }

}  // namespace descent::models
