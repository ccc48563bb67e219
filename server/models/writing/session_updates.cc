#include "server/models/writing/session_updates.h"

#include <utility>

#include "absl/status/statusor.h"
#include "clock/steady.h"
#include "core/status_macros.h"
#include "core/trainer.h"
#include "server/models/errors.h"

namespace descent::models {

SessionUpdates::SessionUpdates(std::shared_ptr<WriterLane> lane, TrainStart start,
                               std::shared_ptr<TrainObserver> observer, WorkTicket ticket)
    : lane_(std::move(lane)),
      start_(std::move(start)),
      window_(lane_->resources().options, lane_->quota(), start_.ack_every, std::move(observer),
              std::move(ticket)) {}

void SessionUpdates::Attach() {
  if (absl::Status status = TryAttach(); !status.ok()) {
    End(status);
    return;
  }
  const TrainReady ready{.next_sequence = state_->next_sequence,
                         .step = lane_->state().step(),
                         .window = lane_->resources().options.session_window};
  lane_->state().Sync([self = shared_from_this(), ready, last_step = state_->last_step](
                          const absl::StatusOr<std::int64_t>& durable_step) {
    if (durable_step.ok()) {
      self->window_.Ready(ready, /*is_durable=*/*durable_step >= last_step);
    } else {
      self->Fail(durable_step.status());
    }
  });
}

absl::Status SessionUpdates::TryAttach() {
  RETURN_IF_ERROR(lane_->publication()->WriteStatus());
  RETURN_IF_ERROR(lane_->resources().work->OpenStatus());
  RETURN_IF_ERROR(lane_->CheckStep(start_.expected_step));
  ASSIGN_OR_RETURN(SessionState* const state,
                   lane_->sessions().FindOrAdd(start_.session_id, SteadyNow()));
  if (const auto before = state->stream.lock(); before != nullptr) {
    before->End(SessionTakenOver(start_.session_id));
  }
  state_ = state;
  state_->stream = weak_from_this();
  state_->finished = false;
  AddTo<std::int64_t>(&lane_->publication()->counters().attached_sessions, 1);
  return absl::OkStatus();
}

void SessionUpdates::Apply(TrainBatchCommand command, const AckWindow::Held& held,
                           WorkTicket ticket) {
  if (ended_ || window_.IsOver()) return;
  if (absl::Status status = lane_->publication()->WriteStatus(); !status.ok()) {
    End(status);
    return;
  }
  const std::int64_t sequence = command.sequence;
  if (sequence > state_->next_sequence) {
    End(SequenceGap(state_->next_sequence, sequence));
    return;
  }
  TrainAck applied{.sequence = sequence};
  const auto on_stored = [&] {
    return [self = shared_from_this(), applied, held,
            ticket = std::move(ticket)](const absl::StatusOr<std::int64_t>& durable_step) mutable {
      if (!durable_step.ok()) {
        self->Fail(durable_step.status());
        return;
      }
      // Given back first: whether the window has room is asked of the quota too.
      ticket.Release();
      self->window_.Cover(applied, held, *durable_step);
    };
  };
  if (sequence < state_->next_sequence) {
    // Applied by an earlier stream: acknowledged again, with no rows.
    applied.step = lane_->state().step();
    lane_->state().Sync(on_stored());
    return;
  }
  const absl::StatusOr<UpdateResult> result = lane_->Step(command.batch, command.learning_rate);
  if (!result.ok()) {
    End(AtSequence(result.status(), sequence));
    return;
  }
  ++state_->next_sequence;
  state_->last_step = result->step;
  applied.step = result->step;
  applied.loss = result->loss;
  applied.gradient_norm = result->gradient_norm;
  applied.learning_rate = result->learning_rate;
  applied.rows = command.batch.rows();
  lane_->Commit({.update = store::BatchUpdate{std::move(command.batch), command.learning_rate},
                 .result = *result,
                 .rows = applied.rows,
                 .session = store::SessionPosition{start_.session_id, sequence}},
                on_stored());
}

void SessionUpdates::End(const absl::Status& status) {
  if (std::exchange(ended_, true)) return;
  if (state_ != nullptr) {
    state_->last_used = SteadyNow();
    state_->finished = status.ok();
    state_->stream.reset();
    AddTo<std::int64_t>(&lane_->publication()->counters().attached_sessions, -1);
  }
  lane_->state().Sync(
      [self = shared_from_this(), status](const absl::StatusOr<std::int64_t>& durable_step) {
        self->window_.Finish(durable_step.ok() ? status : durable_step.status());
      });
}

void SessionUpdates::Fail(absl::Status status) {
  lane_->Run(/*cost=*/0,
             [self = shared_from_this(), status = std::move(status)] { self->End(status); });
}

}  // namespace descent::models
