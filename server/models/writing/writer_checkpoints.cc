// The writer's part in checkpoints: its lane takes the state's image, the store writes it.

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "core/status_macros.h"
#include "server/models/errors.h"
#include "server/models/pages.h"
#include "server/models/requests/durable_answers.h"
#include "server/models/writing/attached_session.h"
#include "server/models/writing/writer.h"
#include "server/store/errors.h"

namespace descent::models {

void Writer::Commit(ModelState::Change change, store::OnStored done) {
  changed_.store(true, std::memory_order_relaxed);
  state_.Commit(std::move(change), std::move(done));
  idle_looks_.store(0, std::memory_order_relaxed);
  if (state_.journal() != nullptr && state_.journal()->WantsCheckpoint()) SaveIfThereIsMemory();
}

void Writer::FreeIfIdle() {
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

// Where there is none the next look will try again: changed_ stays set.
void Writer::SaveIfThereIsMemory() {
  absl::StatusOr<MemoryCharge> memory = ReserveImage();
  if (!memory.ok()) {
    changed_.store(true, std::memory_order_relaxed);
    return;
  }
  SaveCheckpoint(/*requested=*/false, *std::move(memory),
                 [](const absl::StatusOr<CheckpointInfo>&) {});
}

absl::StatusOr<MemoryCharge> Writer::ReserveImage() const {
  const std::size_t bytes = state_.ImageBytes();
  MemoryBudget& budget = *resources_->memory;
  const std::size_t used = budget.used(MemoryPurpose::kCheckpoints);
  // One at a time always goes on, or journals would grow without end.
  if (used == 0) return budget.Count(MemoryPurpose::kCheckpoints, bytes);
  const std::size_t most = budget.limit() / 4;
  if (used > most || bytes > most - used) {
    return OverMemoryBudget(MemoryPurposeName(MemoryPurpose::kCheckpoints), bytes, used, most);
  }
  return budget.Reserve(MemoryPurpose::kCheckpoints, bytes);
}

void Writer::SaveIfWanted() {
  if (!changed_.load(std::memory_order_relaxed)) return;
  Run(/*cost=*/0, [self = shared_from_this()] {
    if (!self->publication_->WriteStatus().ok()) return;
    if (!self->state_.journal()->WantsCheckpoint()) return;
    self->SaveIfThereIsMemory();
  });
}

void Writer::SaveUnsaved() {
  if (!changed_.load(std::memory_order_relaxed)) return;
  Run(/*cost=*/0, [self = shared_from_this(), ticket = quota_->AdmitAlways(/*bytes=*/0)] {
    if (!self->publication_->WriteStatus().ok()) return;
    if (self->state_.settings().durability != Durability::kCheckpoint) return;
    if (self->publication_->Describe().durable_step == self->state_.step()) return;
    self->SaveCheckpoint(/*requested=*/false, self->CountImage(),
                         [](const absl::StatusOr<CheckpointInfo>&) {});
  });
}

// Counts as held work until it is saved, so that a drain waits for it. A failure is the store's to
// report: the model's own changes notice it too.
void Writer::SaveCheckpoint(bool requested, MemoryCharge memory, store::OnSaved done) {
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
        if (saved.ok()) self->MarkDurable(saved->step, sessions);
        std::move(done)(std::move(saved));
      });
}

void Writer::MarkDurable(std::int64_t step, const std::vector<store::SessionRecord>& sessions) {
  if (sessions.empty() && publication_->settings().durability != Durability::kCheckpoint) return;
  publication_->SetDurableStep(step);
  lane_.Post([self = shared_from_this(), sessions] {
    for (const store::SessionRecord& record : sessions) {
      const SessionState* const session = self->sessions_.Find(record.id);
      if (session == nullptr) continue;
      if (const auto stream = session->stream.lock(); stream != nullptr) {
        stream->MarkDurable(record.next_sequence - 1);
      }
    }
  });
}

void Writer::CreateCheckpoint(CreateCheckpointCommand command, CallContext context,
                              Reply<CheckpointOutcome> reply) {
  Queue(Call<CheckpointOutcome>(std::move(context), std::move(reply)), /*bytes=*/0,
        ParametersCost(*publication_->network()),
        [command = std::move(command)](Writer* self, Call<CheckpointOutcome> call) {
          self->CreateCheckpointNow(command, std::move(call));
        });
}

void Writer::CreateCheckpointNow(const CreateCheckpointCommand& command,
                                 Call<CheckpointOutcome> call) {
  if (!calls_.Begin(command.request, &call)) return;
  absl::StatusOr<MemoryCharge> memory = ReserveImage();
  if (!memory.ok()) {
    calls_.Conclude<CheckpointOutcome>(command.request, std::move(call), memory.status());
    return;
  }
  Remember(command.request, kCreateCheckpoint, store::CheckpointAnswer{state_.step()});
  SaveCheckpoint(/*requested=*/true, *std::move(memory),
                 [self = shared_from_this(), request = command.request,
                  call = std::move(call)](absl::StatusOr<CheckpointInfo> saved) mutable {
                   absl::StatusOr<CheckpointOutcome> outcome = CheckpointOutcome();
                   if (saved.ok()) {
                     outcome->checkpoint = *saved;
                   } else {
                     outcome = std::move(saved).status();
                   }
                   self->calls_.Conclude(request, std::move(call), std::move(outcome));
                 });
}

void Writer::ListCheckpoints(ListCheckpointsCommand command, CallContext context,
                             Reply<ListCheckpointsOutcome> reply) {
  Queue(Call<ListCheckpointsOutcome>(std::move(context), std::move(reply)), /*bytes=*/0,
        /*cost=*/0,
        [command = std::move(command)](Writer* self, Call<ListCheckpointsOutcome> call) {
          self->state_.journal()->ListCheckpoints(
              [command,
               call = std::move(call)](absl::StatusOr<std::vector<CheckpointInfo>> listed) mutable {
                if (!listed.ok()) {
                  std::move(call).Answer(std::move(listed).status());
                } else {
                  std::move(call).Answer(PageOf(*listed, command));
                }
              });
        });
}

void Writer::RestoreCheckpoint(RestoreCheckpointCommand command, CallContext context,
                               Reply<ModelInfo> reply) {
  Queue(Call<ModelInfo>(std::move(context), std::move(reply)), /*bytes=*/0,
        ParametersCost(*publication_->network()),
        [command = std::move(command)](Writer* self, Call<ModelInfo> call) {
          self->RestoreCheckpointNow(command, std::move(call));
        });
}

// Reads the checkpoint while the lane goes on; the rest follows on the lane.
void Writer::RestoreCheckpointNow(const RestoreCheckpointCommand& command, Call<ModelInfo> call) {
  if (!calls_.Begin(command.request, &call)) return;
  absl::StatusOr<MemoryCharge> memory = ReserveImage();
  if (!memory.ok()) {
    calls_.Conclude<ModelInfo>(command.request, std::move(call), memory.status());
    return;
  }
  state_.journal()->LoadCheckpoint(
      command.step,
      [self = shared_from_this(), command = command, call = std::move(call),
       memory = *std::move(memory)](absl::StatusOr<store::LoadedCheckpoint> loaded) mutable {
        Writer* const writer = self.get();
        writer->lane_.Post([self = std::move(self), command = std::move(command),
                            loaded = std::move(loaded), call = std::move(call),
                            memory = std::move(memory)]() mutable {
          self->RestoreNow(command, std::move(loaded), std::move(call));
        });
      });
}

void Writer::RestoreNow(const RestoreCheckpointCommand& command,
                        absl::StatusOr<store::LoadedCheckpoint> loaded, Call<ModelInfo> call) {
  absl::Status status = publication_->WriteStatus();
  if (status.ok()) status = loaded.status();
  if (status.ok()) status = call.CheckStillWanted();
  if (status.ok()) status = CheckStep(command.expected_step);
  if (status.ok()) {
    const std::vector<store::SessionRecord> sessions = std::move(loaded->image.sessions);
    status = state_.model()->Restore(std::move(loaded->image));
    if (status.ok()) {
      // Streams that are attached have sent batches that are no part of the model any more.
      for (const auto& session : sessions_.Attached()) session->End(ModelRestored(command.step));
      sessions_.Restore(sessions);
    }
  }
  if (!status.ok()) {
    calls_.Conclude<ModelInfo>(command.request, std::move(call), std::move(status));
    return;
  }
  ModelInfo info = state_.Describe();
  Remember(command.request, kRestoreCheckpoint, AnswerOf(info));
  auto reply = [self = shared_from_this(), request = command.request,
                call = std::move(call)](absl::StatusOr<ModelInfo> answer) mutable {
    self->calls_.Conclude(request, std::move(call), std::move(answer));
  };
  Commit({.update = store::RestoreUpdate{loaded->id},
          .result = {.step = state_.step()},
          .request = Answered(command.request)},
         WithDurableStep(std::move(info), std::move(reply)));
}

void Writer::DeleteCheckpoint(DeleteCheckpointCommand command, CallContext context,
                              Reply<DeleteCheckpointOutcome> reply) {
  Queue(Call<DeleteCheckpointOutcome>(std::move(context), std::move(reply)), /*bytes=*/0,
        /*cost=*/0,
        [command = std::move(command)](Writer* self, Call<DeleteCheckpointOutcome> call) {
          self->DeleteCheckpointNow(command, std::move(call));
        });
}

void Writer::DeleteCheckpointNow(const DeleteCheckpointCommand& command,
                                 Call<DeleteCheckpointOutcome> call) {
  if (!calls_.Begin(command.request, &call)) return;
  state_.journal()->ListCheckpoints(
      [self = shared_from_this(), command = command,
       call = std::move(call)](absl::StatusOr<std::vector<CheckpointInfo>> listed) mutable {
        Writer* const writer = self.get();
        writer->lane_.Post([self = std::move(self), command = std::move(command),
                            listed = std::move(listed), call = std::move(call)]() mutable {
          self->DeleteNow(command, listed, std::move(call));
        });
      });
}

void Writer::DeleteNow(const DeleteCheckpointCommand& command,
                       const absl::StatusOr<std::vector<CheckpointInfo>>& listed,
                       Call<DeleteCheckpointOutcome> call) {
  absl::Status status = publication_->WriteStatus();
  if (status.ok()) status = listed.status();
  if (status.ok() && std::none_of(listed->begin(), listed->end(), [&](const CheckpointInfo& info) {
        return info.step == command.step;
      })) {
    status = store::CheckpointNotFound(command.step);
  }
  if (!status.ok()) {
    calls_.Conclude<DeleteCheckpointOutcome>(command.request, std::move(call), std::move(status));
    return;
  }
  Remember(command.request, kDeleteCheckpoint, store::DeletionAnswer());
  Commit({.update = store::CheckpointDeletion{command.step},
          .result = {.step = state_.step()},
          .request = Answered(command.request)},
         [self = shared_from_this(), request = command.request,
          call = std::move(call)](const absl::StatusOr<std::int64_t>& durable_step) mutable {
           absl::StatusOr<DeleteCheckpointOutcome> outcome = DeleteCheckpointOutcome();
           if (!durable_step.ok()) outcome = durable_step.status();
           self->calls_.Conclude(request, std::move(call), std::move(outcome));
         });
}

void Writer::RecordEvaluation(const EvaluateOutcome& outcome) {
  Run(/*cost=*/0, [self = shared_from_this(), outcome] {
    if (!self->publication_->WriteStatus().ok()) return;
    self->state_.journal()->RecordEvaluation({.time = absl::Now(),
                                              .step = outcome.step,
                                              .rows = outcome.rows,
                                              .loss = outcome.loss,
                                              .metrics = outcome.metrics});
  });
}

}  // namespace descent::models
