#include "server/models/writing/writer_lane.h"

#include <string>

#include "core/exceptions.h"
#include "core/status_macros.h"
#include "server/models/errors.h"
#include "server/models/work/cost.h"

namespace descent::models {

WriterLane::WriterLane(Resources* resources, ModelState::Parts parts,
                       const std::vector<store::SessionRecord>& sessions)
    : resources_(resources),
      quota_(
          WorkQuota::Create("the model's updates", resources->UpdatesPerModel(), resources->work)),
      state_(std::move(parts)),
      sessions_(resources->options.max_sessions_per_model, resources->options.session_retention,
                resources->memory->Count(MemoryPurpose::kSessions, 0)),
      answers_(resources->options.request_window, resources->options.request_window_age,
               resources->options.request_window_bytes, resources->ForAnswers()),
      publication_(state_.publication()),
      lane_(&resources->writers) {
  sessions_.Restore(sessions);
}

void WriterLane::Run(MultiplyAdds cost, Task task) {
  if (resources_->IsSmall(cost)) {
    lane_.RunOrPost(std::move(task), cost);
  } else {
    lane_.Post(std::move(task), cost);
  }
}

absl::Status WriterLane::CheckStep(std::optional<std::int64_t> expected_step) const {
  if (!expected_step.has_value() || *expected_step == state_.step()) return absl::OkStatus();
  return StepMismatch(*expected_step, state_.step());
}

absl::StatusOr<UpdateResult> WriterLane::Step(const Batch& batch,
                                              std::optional<double> learning_rate) {
  RETURN_IF_ERROR(
      CheckPassSize(state_.network(), batch.rows(), resources_->options.max_pass_bytes));
  return CatchExceptions([&] { return state_.model()->Step(batch, learning_rate); });
}

void WriterLane::Commit(ModelState::Change change, store::OnStored done) {
  changed_.store(true, std::memory_order_relaxed);
  state_.Commit(std::move(change), std::move(done));
  idle_looks_.store(0, std::memory_order_relaxed);
  if (state_.journal() != nullptr && state_.journal()->WantsCheckpoint()) SaveIfThereIsMemory();
}

absl::StatusOr<MemoryCharge> WriterLane::ReserveImage() const {
  const std::size_t bytes = state_.ImageBytes();
  MemoryBudget& budget = *resources_->memory;
  const std::size_t used = budget.used(MemoryPurpose::kCheckpoints);
  // One at a time always goes on, or journals would grow without end.
  if (used == 0) return budget.Count(MemoryPurpose::kCheckpoints, bytes);
  const std::size_t most = budget.limit() / 4;
  if (used > most || bytes > most - used) {
    return OverMemoryBudget(MemoryPurposeName(MemoryPurpose::kCheckpoints), bytes, used, most,
                            /*passes=*/true);
  }
  return budget.Reserve(MemoryPurpose::kCheckpoints, bytes);
}

// Counts as held work until it is saved, so that a drain waits for it. A failure is the store's to
// report: the model's own changes notice it too.
void WriterLane::SaveCheckpoint(bool requested, MemoryCharge memory, store::OnSaved done) {
  changed_.store(false, std::memory_order_relaxed);
  store::ModelImage image = state_.Image();
  image.memory = std::make_shared<const MemoryCharge>(std::move(memory));
  image.sessions = sessions_.Records();
  image.answers = answers_.Records();
  std::vector<store::SessionRecord> sessions;
  if (image.settings.durability == Durability::kCheckpoint) sessions = image.sessions;
  state_.journal()->SaveCheckpoint(
      std::move(image), requested,
      [self = shared_from_this(), ticket = quota_->AdmitAlways(/*bytes=*/0),
       sessions = std::move(sessions),
       done = std::move(done)](absl::StatusOr<CheckpointInfo> saved) mutable {
        self->publication_->NoteCheckpointChange();
        if (saved.ok()) self->MarkDurable(saved->step, std::move(sessions));
        std::move(done)(std::move(saved));
      });
}

void WriterLane::MarkDurable(std::int64_t step, std::vector<store::SessionRecord> sessions) {
  if (sessions.empty() && publication_->settings().durability != Durability::kCheckpoint) return;
  publication_->SetDurableStep(step);
  lane_.Post([self = shared_from_this(), sessions = std::move(sessions)] {
    self->sessions_.MarkDurable(sessions);
  });
}

// Where there is none the next look will try again: changed_ stays set.
void WriterLane::SaveIfThereIsMemory() {
  absl::StatusOr<MemoryCharge> memory = ReserveImage();
  if (!memory.ok()) {
    changed_.store(true, std::memory_order_relaxed);
    return;
  }
  SaveCheckpoint(/*requested=*/false, *std::move(memory),
                 [](const absl::StatusOr<CheckpointInfo>&) {});
}

void WriterLane::SaveIfWanted() {
  if (!changed_.load(std::memory_order_relaxed)) return;
  Run(/*cost=*/0, [self = shared_from_this()] {
    if (!self->publication_->WriteStatus().ok()) return;
    if (!self->state_.journal()->WantsCheckpoint()) return;
    self->SaveIfThereIsMemory();
  });
}

void WriterLane::SaveUnsaved() {
  if (!changed_.load(std::memory_order_relaxed)) return;
  Run(/*cost=*/0, [self = shared_from_this(), ticket = quota_->AdmitAlways(/*bytes=*/0)] {
    if (!self->publication_->WriteStatus().ok()) return;
    if (self->state_.settings().durability != Durability::kCheckpoint) return;
    if (self->publication_->Describe().durable_step == self->state_.step()) return;
    // Counted and not refused: nothing will ask for it again.
    self->SaveCheckpoint(
        /*requested=*/false,
        self->resources_->memory->Count(MemoryPurpose::kCheckpoints, self->state_.ImageBytes()),
        [](const absl::StatusOr<CheckpointInfo>&) {});
  });
}

void WriterLane::FreeIfIdle() {
  // A look comes about every second.
  constexpr int kIdleLooks = 10;
  const int looks = idle_looks_.load(std::memory_order_relaxed);
  if (looks < 0) return;
  if (looks < kIdleLooks) {
    idle_looks_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  idle_looks_.store(-1, std::memory_order_relaxed);
  Run(/*cost=*/0, [self = shared_from_this()] { self->state_.FreeUnused(); });
}

}  // namespace descent::models
