#include "server/models/writing/ack_window.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace descent::models {

AckWindow::AckWindow(const ModelsOptions& options, std::shared_ptr<WorkQuota> quota, int ack_every,
                     std::shared_ptr<TrainObserver> observer, WorkTicket ticket)
    : options_(options),
      quota_(std::move(quota)),
      ack_every_(std::clamp(ack_every, 1, std::max(1, options.session_window / 2))),
      observer_(std::move(observer)),
      ticket_(std::move(ticket)) {}

bool AckWindow::Hold(const Held& held) {
  const absl::MutexLock lock(&mutex_);
  if (observer_ == nullptr) return false;
  ++batches_;
  held_.bytes += held.bytes;
  held_.multiply_adds += held.multiply_adds;
  return true;
}

bool AckWindow::MayReadOn() {
  const absl::MutexLock lock(&mutex_);
  if (observer_ == nullptr) return false;
  wants_capacity_ = !HasRoom();
  return !wants_capacity_;
}

void AckWindow::OfferCapacity() {
  std::shared_ptr<TrainObserver> observer;
  {
    const absl::MutexLock lock(&mutex_);
    observer = observer_;
  }
  if (observer != nullptr) observer->OnCapacity();
}

void AckWindow::Detach() {
  const absl::MutexLock lock(&mutex_);
  observer_ = nullptr;
}

bool AckWindow::IsOver() const {
  const absl::MutexLock lock(&mutex_);
  return observer_ == nullptr;
}

void AckWindow::Ready(const TrainReady& ready, bool is_durable) {
  std::shared_ptr<TrainObserver> observer;
  {
    const absl::MutexLock lock(&mutex_);
    if (is_durable) durable_sequence_ = ready.next_sequence - 1;
    observer = observer_;
  }
  if (observer != nullptr) observer->OnReady(ready);
}

void AckWindow::Cover(const TrainAck& applied, const Held& held, std::int64_t durable_step) {
  std::shared_ptr<TrainObserver> observer;
  std::optional<TrainAck> ack;
  bool has_capacity = false;
  {
    const absl::MutexLock lock(&mutex_);
    observer = observer_;
    --batches_;
    held_.bytes -= held.bytes;
    held_.multiply_adds -= held.multiply_adds;
    if (durable_step >= applied.step) {
      durable_sequence_ = std::max(durable_sequence_, applied.sequence);
    }
    AddToAck(applied);
    if (++unacknowledged_.batches >= ack_every_) ack = TakeAck();
    if (wants_capacity_ && HasRoom()) {
      wants_capacity_ = false;
      has_capacity = true;
    }
  }
  if (observer == nullptr) return;
  observer->OnApplied();
  if (ack.has_value()) observer->OnAck(*ack);
  if (has_capacity) observer->OnCapacity();
}

void AckWindow::Finish(const absl::Status& status) {
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

void AckWindow::MarkDurable(std::int64_t sequence) {
  const absl::MutexLock lock(&mutex_);
  durable_sequence_ = std::max(durable_sequence_, sequence);
}

bool AckWindow::HasRoom() const {
  if (batches_ == 0) return true;
  return batches_ < options_.session_window && held_.bytes < options_.session_window_bytes &&
         held_.multiply_adds < options_.session_window_multiply_adds && quota_->HasRoom();
}

void AckWindow::AddToAck(const TrainAck& applied) {
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

TrainAck AckWindow::TakeAck() {
  auto [batches, ack] = std::exchange(unacknowledged_, Unacknowledged());
  ack.durable_sequence = durable_sequence_;
  return ack;
}

}  // namespace descent::models
