#include "server/models/model_state.h"

#include <utility>

#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/models/cost.h"
#include "server/models/model_bytes.h"

namespace descent::models {
namespace {

// Steps from one state hash in the journal to the next. A hash reads the whole state, which costs
// less than one step does.
constexpr std::int64_t kHashEvery = 1024;

}  // namespace

absl::Status BecomeImage(TrainerState state, const OptimizerSpec& optimizer, Trainer* trainer) {
  RETURN_IF_ERROR(trainer->SetOptimizer(optimizer));
  return trainer->SetState(std::move(state));
}

ModelState::ModelState(Parts parts, std::shared_ptr<MemoryBudget> budget)
    : publication_(std::make_shared<Publication>(
          std::move(parts.network), parts.settings, parts.create_time, parts.trainer->snapshot(),
          Publication::Progress{.step = parts.trainer->step(),
                                .durable_step = parts.trainer->step(),
                                .last_loss = parts.last_loss,
                                .update_time = parts.update_time})),
      settings_(std::move(parts.settings)),
      memory_(std::move(parts.memory)),
      more_memory_(budget->Count(MemoryPurpose::kModels, 0)),
      workspace_memory_(budget->Count(MemoryPurpose::kWorkspaces, 0)),
      trainer_(std::move(parts.trainer)),
      journal_(std::move(parts.journal)),
      last_loss_(parts.last_loss),
      update_time_(parts.update_time) {}

absl::StatusOr<UpdateResult> ModelState::Step(const Batch& batch,
                                              std::optional<double> learning_rate) {
  RETURN_IF_ERROR(ReserveForUpdate(batch.rows()));
  absl::StatusOr<UpdateResult> result = trainer_->Step(batch, learning_rate);
  CountHeld();
  if (result.ok()) last_loss_ = result->loss;
  return result;
}

absl::StatusOr<UpdateResult> ModelState::ApplyGradients(const Buffer& gradients,
                                                        std::optional<double> learning_rate) {
  RETURN_IF_ERROR(ReserveForUpdate(/*rows=*/0));
  absl::StatusOr<UpdateResult> result = trainer_->ApplyGradients(gradients, learning_rate);
  CountHeld();
  return result;
}

absl::Status ModelState::SetParameters(const Buffer& parameters, bool keep_optimizer_state) {
  RETURN_IF_ERROR(ReserveForUpdate(/*rows=*/0));
  const absl::Status status = trainer_->SetParameters(parameters, keep_optimizer_state);
  CountHeld();
  return status;
}

absl::Status ModelState::SetSettings(ModelSettings settings) {
  const auto in_model = [](absl::Status status) {
    return WithFieldPrefix(std::move(status), "model.optimizer");
  };
  absl::StatusOr<std::size_t> bytes = EstimateModelBytes(network(), settings);
  if (!bytes.ok()) return in_model(std::move(bytes).status());
  RETURN_IF_ERROR(memory_.TryRaise(*bytes));
  RETURN_IF_ERROR(in_model(trainer_->SetOptimizer(settings.optimizer)));
  settings_ = std::move(settings);
  return absl::OkStatus();
}

absl::Status ModelState::Restore(store::ModelImage image) {
  ASSIGN_OR_RETURN(const std::size_t bytes, EstimateModelBytes(network(), image.settings));
  RETURN_IF_ERROR(memory_.TryRaise(bytes));
  RETURN_IF_ERROR(BecomeImage(std::move(image.state), image.settings.optimizer, trainer_.get()));
  settings_.optimizer = image.settings.optimizer;
  last_loss_ = image.last_loss;
  return absl::OkStatus();
}

std::size_t ModelState::UsualStateBytes() const {
  const std::size_t copy =
      static_cast<std::size_t>(network().layout().size()) * ByteWidth(network().data_type());
  return (kParameterCopies + trainer_->slots()) * copy;
}

absl::Status ModelState::ReserveForUpdate(std::int64_t rows) {
  RETURN_IF_ERROR(workspace_memory_.TryRaise(
      static_cast<std::size_t>(PassBytes(network(), rows, /*matrices=*/3))));
  const std::size_t state = trainer_->state_byte_size() + trainer_->next_byte_size();
  const std::size_t usual = UsualStateBytes();
  return state <= usual ? absl::OkStatus() : more_memory_.TryRaise(state - usual);
}

void ModelState::CountHeld() {
  workspace_memory_.Raise(trainer_->workspace_byte_size());
  const std::size_t state = trainer_->state_byte_size();
  const std::size_t usual = UsualStateBytes();
  const std::size_t more = state <= usual ? 0 : state - usual;
  more_memory_.Raise(more);
  more_memory_.LowerTo(more);
}

void ModelState::FreeUnused() {
  if (trainer_ == nullptr) return;
  trainer_->FreeUnused();
  workspace_memory_.LowerTo(trainer_->workspace_byte_size());
  CountHeld();
}

void ModelState::Commit(Change change, store::OnStored done) {
  update_time_ = absl::Now();
  Publication::Progress progress{
      .step = step(), .last_loss = last_loss_, .update_time = update_time_};
  std::shared_ptr<const ModelSettings> settings;
  if (std::holds_alternative<store::SettingsUpdate>(change.update)) {
    settings = std::make_shared<const ModelSettings>(settings_);
  }
  const bool hashed =
      change.result.step % kHashEvery == 0 && settings_.durability == Durability::kJournal;
  journal_->Append(
      {.time = update_time_,
       .update = std::move(change.update),
       .session = std::move(change.session),
       .request = std::move(change.request),
       .result = change.result,
       .rows = change.rows,
       .state_hash = hashed ? std::optional(trainer_->StateHash()) : std::nullopt},
      [publication = publication_, snapshot = trainer_->snapshot(), progress,
       settings = std::move(settings)](std::int64_t durable_step) mutable {
        progress.durable_step = durable_step;
        publication->Publish(std::move(snapshot), progress, std::move(settings));
      },
      [publication = publication_,
       done = std::move(done)](absl::StatusOr<std::int64_t> durable_step) mutable {
        if (!durable_step.ok()) publication->Fail(durable_step.status());
        std::move(done)(std::move(durable_step));
      });
}

void ModelState::Sync(store::OnStored done) {
  if (journal_ == nullptr) {
    std::move(done)(publication_->Describe().durable_step);
    return;
  }
  journal_->Sync(std::move(done));
}

void ModelState::Remove(std::optional<store::AnsweredRequest> request, store::OnStored done) {
  trainer_.reset();
  memory_.LowerTo(0);
  more_memory_.LowerTo(0);
  workspace_memory_.LowerTo(0);
  if (journal_ == nullptr) {
    std::move(done)(publication_->WriteStatus());
    return;
  }
  std::exchange(journal_, nullptr)->Remove(std::move(request), std::move(done));
}

void ModelState::Abandon() {
  trainer_.reset();
  memory_.LowerTo(0);
  more_memory_.LowerTo(0);
  workspace_memory_.LowerTo(0);
  journal_.reset();
}

store::ModelImage ModelState::Image() const {
  return {.settings = settings_,
          .state = trainer_->GetState(),
          .last_loss = last_loss_,
          .update_time = update_time_,
          .sessions = {},
          .answers = {}};
}

std::size_t ModelState::ImageBytes() const {
  const std::size_t copy =
      static_cast<std::size_t>(network().layout().size()) * ByteWidth(network().data_type());
  return trainer_->slots() * copy + SettingsBytes(settings_);
}

ModelInfo ModelState::Describe() const {
  return {.settings = settings_,
          .step = step(),
          .parameter_count = network().layout().parameter_count(),
          .create_time = publication_->create_time(),
          .update_time = update_time_,
          .last_loss = last_loss_,
          .state_hash = trainer_->StateHash()};
}

}  // namespace descent::models
