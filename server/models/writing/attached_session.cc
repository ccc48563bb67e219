#include "server/models/writing/attached_session.h"

#include <algorithm>
#include <utility>

#include "clock/steady.h"
#include "core/exceptions.h"
#include "core/status_macros.h"
#include "server/models/errors.h"

namespace descent::models {
namespace {

// Batches that a stream has read in a row before others have their turn: gRPC looks for what has
// come on other connections when a stream is not being read.
constexpr std::int64_t kBatchesPerTurn = 64;

// Batches an acknowledgement covers: what was asked for, but at least twice a window, since a
// client may wait for one before it sends on.
std::int64_t AckEvery(int asked, int window) {
  return std::clamp<std::int64_t>(asked, 1, std::max(1, window / 2));
}

}  // namespace

AttachedSession::AttachedSession(std::shared_ptr<Writer> writer, TrainStart start,
                                 std::shared_ptr<TrainObserver> observer, WorkTicket ticket)
    : writer_(std::move(writer)),
      start_(std::move(start)),
      ack_every_(AckEvery(start_.ack_every, writer_->resources()->options.session_window)),
      observer_(std::move(observer)),
      ticket_(std::move(ticket)) {}

void AttachedSession::AttachNow() {
  if (absl::Status status = TryAttach(); !status.ok()) {
    End(status);
    return;
  }
  const TrainReady ready{.next_sequence = state_->next_sequence,
                         .step = writer_->state().step(),
                         .window = writer_->resources()->options.session_window};
  writer_->state().Sync([self = shared_from_this(), ready, last_step = state_->last_step](
                            const absl::StatusOr<std::int64_t>& durable_step) {
    if (!durable_step.ok()) {
      self->Fail(durable_step.status());
      return;
    }
    std::shared_ptr<TrainObserver> observer;
    {
      const absl::MutexLock lock(&self->mutex_);
      if (*durable_step >= last_step) self->durable_sequence_ = ready.next_sequence - 1;
      observer = self->observer_;
    }
    if (observer != nullptr) observer->OnReady(ready);
  });
}

absl::Status AttachedSession::TryAttach() {
  RETURN_IF_ERROR(writer_->publication()->WriteStatus());
  RETURN_IF_ERROR(writer_->resources()->work->OpenStatus());
  const std::int64_t step = writer_->state().step();
  const std::int64_t expected_step = start_.expected_step.value_or(step);
  if (expected_step != step) return StepMismatch(expected_step, step);
  ASSIGN_OR_RETURN(SessionState* const state,
                   writer_->sessions().FindOrAdd(start_.session_id, SteadyNow()));
  if (const auto before = state->stream.lock(); before != nullptr) {
    before->End(SessionTakenOver(start_.session_id));
  }
  state_ = state;
  state_->stream = weak_from_this();
  state_->finished = false;
  return absl::OkStatus();
}

bool AttachedSession::Submit(TrainBatchCommand command) {
  const Network& network = *writer_->publication()->network();
  const MultiplyAdds cost = GradientCost(network, command.batch.rows()) + ParametersCost(network);
  const Held held{.bytes = ByteSize(command.batch),
                  .multiply_adds = static_cast<std::int64_t>(std::min(cost, 1e15))};
  {
    const absl::MutexLock lock(&mutex_);
    if (observer_ == nullptr) return false;
    ++held_;
    held_work_.bytes += held.bytes;
    held_work_.multiply_adds += held.multiply_adds;
  }
  writer_->Run(cost, [self = shared_from_this(), command = std::move(command), held,
                      ticket = writer_->quota()->AdmitAlways(held.bytes)]() mutable {
    self->ApplyNow(std::move(command), held, std::move(ticket));
  });
  // What is done in place keeps the thread that the stream is read on.
  const bool takes_turns =
      writer_->resources()->IsSmall(cost) && ++submitted_ % kBatchesPerTurn == 0;
  {
    const absl::MutexLock lock(&mutex_);
    if (observer_ == nullptr) return false;
    wants_capacity_ = !HasCapacity();
    if (wants_capacity_ || !takes_turns) return !wants_capacity_;
  }
  writer_->resources()->readers.Post([self = shared_from_this()] { self->TakeNextTurn(); });
  return false;
}

void AttachedSession::TakeNextTurn() {
  std::shared_ptr<TrainObserver> observer;
  {
    const absl::MutexLock lock(&mutex_);
    observer = observer_;
  }
  if (observer != nullptr) observer->OnCapacity();
}

absl::StatusOr<UpdateResult> AttachedSession::Apply(const TrainBatchCommand& command) {
  RETURN_IF_ERROR(CheckPassSize(writer_->state().network(), command.batch.rows(),
                                writer_->resources()->options.max_pass_bytes));
  return CatchExceptions(
      [&] { return writer_->state().model()->Step(command.batch, command.learning_rate); });
}

void AttachedSession::ApplyNow(TrainBatchCommand command, const Held& held, WorkTicket ticket) {
  if (ended_ || IsDetached()) return;
  if (absl::Status status = writer_->publication()->WriteStatus(); !status.ok()) {
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
      self->OnStored(applied, held, std::move(ticket), durable_step);
    };
  };
  if (sequence < state_->next_sequence) {
    // Applied by an earlier stream: acknowledged again, with no rows.
    applied.step = writer_->state().step();
    writer_->state().Sync(on_stored());
    return;
  }
  const absl::StatusOr<UpdateResult> result = Apply(command);
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
  writer_->Commit({.update = store::BatchUpdate{std::move(command.batch), command.learning_rate},
                   .result = *result,
                   .rows = applied.rows,
                   .session = store::SessionPosition{start_.session_id, sequence}},
                  on_stored());
}

void AttachedSession::OnStored(const TrainAck& applied, const Held& held, WorkTicket ticket,
                               const absl::StatusOr<std::int64_t>& durable_step) {
  if (!durable_step.ok()) {
    Fail(durable_step.status());
    return;
  }
  ticket.Release();
  std::shared_ptr<TrainObserver> observer;
  std::optional<TrainAck> ack;
  bool has_capacity = false;
  {
    const absl::MutexLock lock(&mutex_);
    observer = observer_;
    --held_;
    held_work_.bytes -= held.bytes;
    held_work_.multiply_adds -= held.multiply_adds;
    if (*durable_step >= applied.step) {
      durable_sequence_ = std::max(durable_sequence_, applied.sequence);
    }
    Cover(applied);
    if (++unacknowledged_.batches >= ack_every_) ack = TakeAck();
    if (wants_capacity_ && HasCapacity()) {
      wants_capacity_ = false;
      has_capacity = true;
    }
  }
  if (observer == nullptr) return;
  if (ack.has_value()) observer->OnAck(*ack);
  if (has_capacity) observer->OnCapacity();
}

void AttachedSession::Cover(const TrainAck& applied) {
  const std::int64_t rows = unacknowledged_.ack.rows + applied.rows;
  double loss = unacknowledged_.ack.loss;
  if (applied.rows > 0) {
    // The mean so far, never a sum, which could leave the range of its terms.
    const double share = static_cast<double>(applied.rows) / static_cast<double>(rows);
    loss = loss * (1 - share) + applied.loss * share;
  }
  unacknowledged_.ack = applied;
  unacknowledged_.ack.rows = rows;
  unacknowledged_.ack.loss = loss;
}

TrainAck AttachedSession::TakeAck() {
  auto [batches, ack] = std::exchange(unacknowledged_, Unacknowledged());
  ack.durable_sequence = durable_sequence_;
  return ack;
}

bool AttachedSession::HasCapacity() const {
  if (held_ == 0) return true;
  const ModelsOptions& options = writer_->resources()->options;
  return held_ < options.session_window && held_work_.bytes < options.session_window_bytes &&
         held_work_.multiply_adds < options.session_window_multiply_adds &&
         writer_->quota()->HasRoom();
}

bool AttachedSession::IsDetached() const {
  const absl::MutexLock lock(&mutex_);
  return observer_ == nullptr;
}

void AttachedSession::MarkDurable(std::int64_t sequence) {
  const absl::MutexLock lock(&mutex_);
  durable_sequence_ = std::max(durable_sequence_, sequence);
}

void AttachedSession::HalfClose() { Fail(absl::OkStatus()); }

void AttachedSession::Fail(absl::Status status) {
  writer_->Run(/*cost=*/0,
               [self = shared_from_this(), status = std::move(status)] { self->End(status); });
}

void AttachedSession::Detach() {
  {
    const absl::MutexLock lock(&mutex_);
    observer_ = nullptr;
  }
  Fail(absl::CancelledError());
}

void AttachedSession::End(const absl::Status& status) {
  if (std::exchange(ended_, true)) return;
  if (state_ != nullptr) {
    state_->last_used = SteadyNow();
    state_->finished = status.ok();
    state_->stream.reset();
  }
  writer_->state().Sync(
      [self = shared_from_this(), status](const absl::StatusOr<std::int64_t>& durable_step) {
        self->Finish(durable_step.ok() ? status : durable_step.status());
      });
}

void AttachedSession::Finish(const absl::Status& status) {
  std::shared_ptr<TrainObserver> observer;
  std::optional<TrainAck> ack;
  WorkTicket ticket;
  {
    const absl::MutexLock lock(&mutex_);
    observer = std::exchange(observer_, nullptr);
    ticket = std::move(ticket_);
    if (unacknowledged_.batches > 0) ack = TakeAck();
  }
  if (observer == nullptr) return;
  if (ack.has_value()) observer->OnAck(*ack);
  observer->OnFinished(status);
}

}  // namespace descent::models
