#include "server/models/registry/model.h"

#include <utility>

#include "clock/steady.h"
#include "server/models/reading/reader.h"
#include "server/models/registry/old_versions.h"
#include "server/models/writing/writer.h"

namespace descent::models {

Model::Model(Resources* resources, ModelState::Parts parts, Remembered remembered)
    : writer_(std::make_shared<Writer>(resources, std::move(parts), std::move(remembered))),
      reader_(std::make_unique<Reader>(resources, writer_->publication())),
      old_versions_(std::make_shared<OldVersions>(resources, writer_)) {}

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

void Model::PredictAt(std::int64_t step, PredictCommand command, CallContext context,
                      Reply<PredictOutcome> reply) {
  old_versions_->Predict(step, std::move(command), std::move(context), std::move(reply));
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

void Model::CreateCheckpoint(CreateCheckpointCommand command, CallContext context,
                             Reply<CheckpointOutcome> reply) {
  writer_->CreateCheckpoint(std::move(command), std::move(context), std::move(reply));
}

void Model::ListCheckpoints(ListCheckpointsCommand command, CallContext context,
                            Reply<ListCheckpointsOutcome> reply) {
  writer_->ListCheckpoints(std::move(command), std::move(context), std::move(reply));
}

void Model::ListHistory(ListHistoryCommand command, CallContext context,
                        Reply<ListHistoryOutcome> reply) {
  writer_->ListHistory(std::move(command), std::move(context), std::move(reply));
}

void Model::Export(const ExportModelCommand& command, CallContext context,
                   Reply<ExportModelOutcome> reply) {
  writer_->Export(command, std::move(context), std::move(reply));
}

void Model::RestoreCheckpoint(RestoreCheckpointCommand command, CallContext context,
                              Reply<ModelInfo> reply) {
  writer_->RestoreCheckpoint(std::move(command), std::move(context), std::move(reply));
}

void Model::DeleteCheckpoint(DeleteCheckpointCommand command, CallContext context,
                             Reply<DeleteCheckpointOutcome> reply) {
  writer_->DeleteCheckpoint(std::move(command), std::move(context), std::move(reply));
}

void Model::Info(CallContext context, Reply<ModelInfo> reply) {
  writer_->Info(std::move(context), std::move(reply));
}

ModelInfo Model::Describe() const { return writer_->publication()->Describe(); }

ModelStatistics Model::Statistics() const {
  const auto read = [](const auto& number) { return number.load(std::memory_order_relaxed); };
  const Publication& publication = *writer_->publication();
  const Publication::Progress progress = publication.progress();
  const ModelCounters& counters = publication.counters();
  ModelStatistics statistics{
      .name = publication.name(),
      .is_there = true,
      .step = progress.step,
      .durable_step = progress.durable_step,
      .last_loss = progress.last_loss,
      .gradient_norm = progress.gradient_norm,
      .update_time = progress.update_time,
      .parameter_count = publication.network()->layout().parameter_count(),
      .held_updates = writer_->held().items(),
      .held_update_bytes = writer_->held().bytes(),
      .held_reads = reader_->held().items(),
      .attached_sessions = read(counters.attached_sessions),
      .memory_bytes = read(counters.memory_bytes),
      .updates = read(counters.updates),
      .trained_rows = read(counters.trained_rows),
      .predictions = read(counters.predictions),
      .predicted_rows = read(counters.predicted_rows),
      .merged_passes = read(counters.merged_passes),
      .merged_rows = read(counters.merged_rows),
  };
  if (const store::JournalNumbers* const journal = writer_->journal_numbers()) {
    statistics.is_stored = true;
    statistics.journal_bytes = read(journal->journal_bytes);
    statistics.journal_updates = read(journal->journal_updates);
    statistics.checkpoint_step = read(journal->checkpoint_step);
    statistics.checkpoint_time = absl::FromUnixSeconds(read(journal->checkpoint_time));
  }
  return statistics;
}

std::vector<HistoryPoint> Model::PublishedHistory() const {
  return writer_->shared_history().PointsUpTo(writer_->publication()->progress().step);
}

void Model::EndSessions(absl::Status status) { writer_->EndSessions(std::move(status)); }

void Model::Close(std::optional<store::AnsweredRequest> request, store::OnStored done) {
  writer_->Close(std::move(request), std::move(done));
}

void Model::SaveIfWanted() { writer_->SaveIfWanted(); }

void Model::FreeIfIdle() {
  writer_->FreeIfIdle();
  old_versions_->FreeUnused(SteadyNow());
}

void Model::SaveUnsaved() { writer_->SaveUnsaved(); }

void Model::Abandon(absl::AnyInvocable<void() &&> done) { writer_->Abandon(std::move(done)); }

bool Model::HasFailed() const {
  return writer_->publication()->ReadStatus().ok() && !writer_->publication()->WriteStatus().ok();
}

}  // namespace descent::models
