// The calls about checkpoints.

#include <algorithm>
#include <utility>

#include "core/status_macros.h"
#include "server/models/errors.h"
#include "server/models/list_pages.h"
#include "server/models/requests/durable_answers.h"
#include "server/models/writing/writer.h"
#include "server/store/errors.h"

namespace descent::models {

void Writer::CreateCheckpoint(CreateCheckpointCommand command, CallContext context,
                              Reply<CheckpointOutcome> reply) {
  Queue(Call<CheckpointOutcome>(std::move(context), std::move(reply)), /*bytes=*/0,
        ParametersCost(*publication()->network()),
        [command = std::move(command)](Writer* self, Call<CheckpointOutcome> call) {
          self->CreateCheckpointNow(command, std::move(call));
        });
}

void Writer::CreateCheckpointNow(const CreateCheckpointCommand& command,
                                 Call<CheckpointOutcome> call) {
  if (!calls_.Begin(command.request, &call)) return;
  absl::StatusOr<MemoryCharge> memory = lane_->ReserveImage();
  if (!memory.ok()) {
    calls_.Conclude<CheckpointOutcome>(command.request, std::move(call), memory.status());
    return;
  }
  Remember(command.request, kCreateCheckpoint, store::CheckpointAnswer{state().step()});
  lane_->SaveCheckpoint(/*requested=*/true, *std::move(memory),
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
          self->state().journal()->ListCheckpoints(
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

void Writer::ReadCheckpoint(std::int64_t step, CallContext context, Reply<Snapshot> reply) {
  Queue(Call<Snapshot>(std::move(context), std::move(reply)), /*bytes=*/0, /*cost=*/0,
        [step](Writer* self, Call<Snapshot> call) {
          absl::StatusOr<MemoryCharge> memory = self->lane_->ReserveImage();
          if (!memory.ok()) {
            std::move(call).Answer(std::move(memory).status());
            return;
          }
          self->state().journal()->LoadCheckpoint(
              step, [call = std::move(call), memory = *std::move(memory)](
                        absl::StatusOr<store::LoadedCheckpoint> loaded) mutable {
                if (loaded.ok()) {
                  std::move(call).Answer(std::move(loaded->image.state.parameters));
                } else {
                  std::move(call).Answer(std::move(loaded).status());
                }
              });
        });
}

void Writer::RestoreCheckpoint(RestoreCheckpointCommand command, CallContext context,
                               Reply<ModelInfo> reply) {
  Queue(Call<ModelInfo>(std::move(context), std::move(reply)), /*bytes=*/0,
        ParametersCost(*publication()->network()),
        [command = std::move(command)](Writer* self, Call<ModelInfo> call) {
          self->RestoreCheckpointNow(command, std::move(call));
        });
}

// Reads the checkpoint while the lane goes on; the rest follows on the lane.
void Writer::RestoreCheckpointNow(const RestoreCheckpointCommand& command, Call<ModelInfo> call) {
  if (!calls_.Begin(command.request, &call)) return;
  absl::StatusOr<MemoryCharge> memory = lane_->ReserveImage();
  if (!memory.ok()) {
    calls_.Conclude<ModelInfo>(command.request, std::move(call), memory.status());
    return;
  }
  state().journal()->LoadCheckpoint(
      command.step,
      [self = shared_from_this(), command = command, call = std::move(call),
       memory = *std::move(memory)](absl::StatusOr<store::LoadedCheckpoint> loaded) mutable {
        Writer* const writer = self.get();
        writer->lane_->Post([self = std::move(self), command = std::move(command),
                             loaded = std::move(loaded), call = std::move(call),
                             memory = std::move(memory)]() mutable {
          self->RestoreNow(command, std::move(loaded), std::move(call));
        });
      });
}

void Writer::RestoreNow(const RestoreCheckpointCommand& command,
                        absl::StatusOr<store::LoadedCheckpoint> loaded, Call<ModelInfo> call) {
  absl::Status status = publication()->WriteStatus();
  if (status.ok()) status = loaded.status();
  if (status.ok()) status = call.CheckStillWanted();
  if (status.ok()) status = lane_->CheckStep(command.expected_step);
  if (status.ok()) {
    const std::vector<store::SessionRecord> sessions = std::move(loaded->image.sessions);
    status = state().model()->Restore(std::move(loaded->image));
    if (status.ok()) {
      // Streams that are attached have sent batches that are no part of the model any more.
      lane_->sessions().EndAll(ModelRestored(command.step));
      lane_->sessions().Restore(sessions);
    }
  }
  if (!status.ok()) {
    calls_.Conclude<ModelInfo>(command.request, std::move(call), std::move(status));
    return;
  }
  ModelInfo info = state().Describe();
  Remember(command.request, kRestoreCheckpoint, AnswerOf(info));
  auto reply = [self = shared_from_this(), request = command.request,
                call = std::move(call)](absl::StatusOr<ModelInfo> answer) mutable {
    self->calls_.Conclude(request, std::move(call), std::move(answer));
  };
  lane_->Commit({.update = store::RestoreUpdate{loaded->id},
                 .result = {.step = state().step()},
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
  state().journal()->ListCheckpoints(
      [self = shared_from_this(), command = command,
       call = std::move(call)](absl::StatusOr<std::vector<CheckpointInfo>> listed) mutable {
        Writer* const writer = self.get();
        writer->lane_->Post([self = std::move(self), command = std::move(command),
                             listed = std::move(listed), call = std::move(call)]() mutable {
          self->DeleteNow(command, listed, std::move(call));
        });
      });
}

void Writer::DeleteNow(const DeleteCheckpointCommand& command,
                       const absl::StatusOr<std::vector<CheckpointInfo>>& listed,
                       Call<DeleteCheckpointOutcome> call) {
  absl::Status status = publication()->WriteStatus();
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
  lane_->Commit({.update = store::CheckpointDeletion{command.step},
                 .result = {.step = state().step()},
                 .request = Answered(command.request)},
                [self = shared_from_this(), request = command.request,
                 call = std::move(call)](const absl::StatusOr<std::int64_t>& durable_step) mutable {
                  self->publication()->NoteCheckpointChange();
                  absl::StatusOr<DeleteCheckpointOutcome> outcome = DeleteCheckpointOutcome();
                  if (!durable_step.ok()) outcome = durable_step.status();
                  self->calls_.Conclude(request, std::move(call), std::move(outcome));
                });
}

}  // namespace descent::models
