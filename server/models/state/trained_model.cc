#include "server/models/state/trained_model.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/models/work/cost.h"
#include "server/models/work/model_bytes.h"
#include "server/store/errors.h"

namespace descent::models {
namespace {

absl::Status InOptimizer(absl::Status status) {
  return WithFieldPrefix(std::move(status), "model.optimizer");
}

// The history has the mean of some updates; a checkpoint has no more.
double LastGradientNorm(const store::History& history) {
  return history.points.empty() ? 0 : history.points.back().gradient_norm;
}

}  // namespace

TrainedModel::TrainedModel(std::shared_ptr<const Network> network, std::unique_ptr<Trainer> trainer,
                           store::ModelSettings settings, MemoryCharge memory, MemoryBudget* budget)
    : network_(std::move(network)),
      settings_(std::move(settings)),
      memory_(std::move(memory)),
      more_memory_(budget->Count(MemoryPurpose::kModels, 0)),
      workspace_memory_(budget->Count(MemoryPurpose::kWorkspaces, 0)),
      trainer_(std::move(trainer)) {}

absl::StatusOr<TrainedModel> TrainedModel::Create(store::ModelSettings settings,
                                                  MemoryBudget* memory, ThreadPool* pool) {
  auto network = Network::Create(settings.network);
  if (!network.ok()) return WithFieldPrefix(std::move(network).status(), "model.network");
  const auto bytes = EstimateModelBytes(**network, settings);
  if (!bytes.ok()) return InOptimizer(bytes.status());
  ASSIGN_OR_RETURN(MemoryCharge charge, memory->Reserve(MemoryPurpose::kModels, *bytes));
  auto trainer = Trainer::Create(*network, settings.optimizer, pool);
  if (!trainer.ok()) return InOptimizer(std::move(trainer).status());
  return TrainedModel(*std::move(network), *std::move(trainer), std::move(settings),
                      std::move(charge), memory);
}

absl::StatusOr<TrainedModel> TrainedModel::Create(store::ModelImage image, MemoryBudget* memory,
                                                  ThreadPool* pool) {
  ASSIGN_OR_RETURN(TrainedModel model, Create(std::move(image.settings), memory, pool));
  model.last_loss_ = image.last_loss;
  model.history_->Set(std::move(image.history));
  model.gradient_norm_ = LastGradientNorm(model.history());
  if (image.state.parameters) RETURN_IF_ERROR(model.trainer_->SetState(std::move(image.state)));
  model.CountHeld();
  return model;
}

absl::StatusOr<UpdateResult> TrainedModel::Step(const Batch& batch,
                                                std::optional<double> learning_rate) {
  RETURN_IF_ERROR(ReserveForUpdate(
      PassBytes(*network_, batch.rows(), /*matrices=*/3) +
      TableGradientBytes(*network_, batch.categories, static_cast<int>(trainer_->slots()))));
  absl::StatusOr<UpdateResult> result = trainer_->Step(batch, learning_rate);
  CountHeld();
  if (result.ok()) last_loss_ = result->loss;
  return result;
}

absl::StatusOr<UpdateResult> TrainedModel::ApplyGradients(const Buffer& gradients,
                                                          const TableGradients& tables,
                                                          std::optional<double> learning_rate) {
  // The rows' parameters before and after, and their slots.
  RETURN_IF_ERROR(ReserveForUpdate(static_cast<double>(tables.byte_size()) *
                                   static_cast<double>(2 + trainer_->slots())));
  absl::StatusOr<UpdateResult> result = trainer_->ApplyGradients(gradients, tables, learning_rate);
  CountHeld();
  return result;
}

absl::Status TrainedModel::SetParameters(const Buffer& parameters, bool keep_optimizer_state) {
  RETURN_IF_ERROR(ReserveForUpdate(/*workspace_bytes=*/0));
  absl::Status status = trainer_->SetParameters(parameters, keep_optimizer_state);
  CountHeld();
  return status;
}

absl::Status TrainedModel::SetSettings(store::ModelSettings settings) {
  const absl::StatusOr<std::size_t> bytes = EstimateModelBytes(*network_, settings);
  if (!bytes.ok()) return InOptimizer(bytes.status());
  RETURN_IF_ERROR(memory_.TryRaise(*bytes));
  RETURN_IF_ERROR(InOptimizer(trainer_->SetOptimizer(settings.optimizer)));
  settings_ = std::move(settings);
  return absl::OkStatus();
}

absl::Status TrainedModel::Restore(store::ModelImage image) {
  ASSIGN_OR_RETURN(const std::size_t bytes, EstimateModelBytes(*network_, image.settings));
  RETURN_IF_ERROR(memory_.TryRaise(bytes));
  RETURN_IF_ERROR(trainer_->SetOptimizer(image.settings.optimizer));
  RETURN_IF_ERROR(trainer_->SetState(std::move(image.state)));
  settings_.optimizer = image.settings.optimizer;
  last_loss_ = image.last_loss;
  history_->Set(std::move(image.history));
  gradient_norm_ = LastGradientNorm(history());
  CountHeld();
  return absl::OkStatus();
}

void TrainedModel::Record(const store::Update& update, absl::Time time, const UpdateResult& result,
                          std::int64_t rows) {
  const bool is_batch = std::holds_alternative<store::BatchUpdate>(update);
  if (!is_batch && !std::holds_alternative<store::GradientsUpdate>(update)) return;
  gradient_norm_ = result.gradient_norm;
  const std::size_t capacity = history().points.capacity();
  history_->Add({.step = result.step,
                 .time = time,
                 .updates = 1,
                 .rows = rows,
                 .loss = result.loss,
                 .gradient_norm = result.gradient_norm,
                 .learning_rate = result.learning_rate,
                 .measured_rows = is_batch ? rows : 0,
                 .measures = is_batch ? trainer_->batch_measures() : BatchMeasures{}});
  if (history().points.capacity() != capacity) CountHeld();
}

absl::Status TrainedModel::Replay(const store::UpdateRecord& record,
                                  FindCheckpoint find_checkpoint) {
  replays_ = true;
  absl::Status status = std::visit(
      [&](const auto& update) { return ReplayUpdate(update, find_checkpoint); }, record.update);
  replays_ = false;
  if (status.ok()) Record(record.update, record.time, record.result, record.rows);
  return status;
}

absl::Status TrainedModel::ReplayUpdate(const store::BatchUpdate& update,
                                        FindCheckpoint /*find_checkpoint*/) {
  RETURN_IF_ERROR(network_->ValidateBatch(update.batch));
  return Step(update.batch, update.learning_rate).status();
}

absl::Status TrainedModel::ReplayUpdate(const store::GradientsUpdate& update,
                                        FindCheckpoint /*find_checkpoint*/) {
  RETURN_IF_ERROR(CheckLayout(update.gradients, network_->layout().dense_size()));
  RETURN_IF_ERROR(CheckTables(update.tables));
  return ApplyGradients(update.gradients, update.tables, update.learning_rate).status();
}

absl::Status TrainedModel::ReplayUpdate(const store::ParametersUpdate& update,
                                        FindCheckpoint /*find_checkpoint*/) {
  RETURN_IF_ERROR(CheckLayout(update.parameters, network_->layout().size()));
  return SetParameters(update.parameters, update.keep_optimizer_state);
}

absl::Status TrainedModel::ReplayUpdate(const store::SettingsUpdate& update,
                                        FindCheckpoint /*find_checkpoint*/) {
  return SetSettings(update.settings);
}

absl::Status TrainedModel::ReplayUpdate(const store::RestoreUpdate& update,
                                        FindCheckpoint find_checkpoint) {
  ASSIGN_OR_RETURN(store::ModelImage image, find_checkpoint(update.checkpoint_id));
  return Restore(std::move(image));
}

absl::Status TrainedModel::ReplayUpdate(const store::CheckpointDeletion& /*update*/,
                                        FindCheckpoint /*find_checkpoint*/) {
  return absl::OkStatus();
}

absl::Status TrainedModel::CheckLayout(const Buffer& values, std::int64_t size) const {
  if (values.type() == network_->data_type() && values.size() == size) return absl::OkStatus();
  return store::StoredStateDamaged("values that do not fit the network");
}

absl::Status TrainedModel::CheckTables(const TableGradients& gradients) const {
  if (network_->tables().empty() && gradients.rows.empty()) return absl::OkStatus();
  return gradients.Fit(network_->tables(), network_->data_type())
             ? absl::OkStatus()
             : store::StoredStateDamaged("gradients of tables that do not fit the network");
}

std::size_t TrainedModel::UsualStateBytes() const {
  const std::size_t copy =
      static_cast<std::size_t>(network_->layout().size()) * ByteWidth(network_->data_type());
  return (kParameterCopies + trainer_->slots()) * copy;
}

absl::Status TrainedModel::ReserveForUpdate(double workspace_bytes) {
  const auto reserve = [&](MemoryCharge* charge, std::size_t bytes) {
    if (!replays_) return charge->TryRaise(bytes);
    charge->Raise(bytes);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(reserve(&workspace_memory_, static_cast<std::size_t>(workspace_bytes)));
  const std::size_t state = trainer_->state_byte_size() + trainer_->next_byte_size();
  const std::size_t usual = UsualStateBytes();
  return state <= usual ? absl::OkStatus() : reserve(&more_memory_, state - usual + HistoryBytes());
}

void TrainedModel::CountHeld() {
  workspace_memory_.Raise(trainer_->workspace_byte_size());
  const std::size_t state = trainer_->state_byte_size();
  const std::size_t usual = UsualStateBytes();
  const std::size_t more = (state <= usual ? 0 : state - usual) + HistoryBytes();
  more_memory_.Raise(more);
  more_memory_.LowerTo(more);
}

void TrainedModel::FreeUnused() {
  if (trainer_ == nullptr) return;
  trainer_->FreeUnused();
  workspace_memory_.LowerTo(trainer_->workspace_byte_size());
  CountHeld();
}

void TrainedModel::Release() {
  trainer_.reset();
  history_->Set({});
  memory_.LowerTo(0);
  more_memory_.LowerTo(0);
  workspace_memory_.LowerTo(0);
}

ModelInfo Describe(const TrainedModel& model, absl::Time create_time, absl::Time update_time) {
  return {.settings = model.settings(),
          .step = model.step(),
          .parameter_count = model.network()->layout().parameter_count(),
          .create_time = create_time,
          .update_time = update_time,
          .last_loss = model.last_loss(),
          .state_hash = model.trainer().StateHash()};
}

}  // namespace descent::models
