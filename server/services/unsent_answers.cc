#include "server/services/unsent_answers.h"

#include <algorithm>

#include "clock/steady.h"
#include "core/check.h"

namespace descent::services {

// Guarded by the owner's mutex, as the answers are.
struct UnsentAnswer::Connection {
  std::string peer;
  std::size_t granted_bytes = 0;
  std::size_t answers = 0;  // granted or waiting
  std::deque<UnsentAnswer*> waiting;
};

UnsentAnswer::~UnsentAnswer() {
  if (owner_ != nullptr) owner_->Release(this);
}

void UnsentAnswer::Raise(std::size_t bytes) {
  if (owner_ == nullptr || bytes <= bytes_) return;
  if (state_ == State::kSmall) {
    owner_->small_.fetch_add(bytes - bytes_, std::memory_order_relaxed);
    bytes_ = bytes;
    return;
  }
  const absl::MutexLock lock(&owner_->mutex_);
  owner_->granted_bytes_ += bytes - bytes_;
  connection_->granted_bytes += bytes - bytes_;
  bytes_ = bytes;
  if (charge_.bytes() > 0) charge_.Raise(2 * bytes);
}

void UnsentAnswer::Sending(absl::AnyInvocable<void()> cancel) {
  if (owner_ == nullptr || state_ == State::kSmall) return;
  const absl::MutexLock lock(&owner_->mutex_);
  sending_since_ = SteadyNow();
  cancel_ = std::move(cancel);
}

UnsentAnswers::UnsentAnswers(const UnsentLimits& limits,
                             std::shared_ptr<models::MemoryBudget> memory,
                             models::Executor* executor)
    : limits_(limits), memory_(std::move(memory)), executor_(*executor) {}

UnsentAnswers::~UnsentAnswers() { DESCENT_CHECK(connections_.empty()); }

bool UnsentAnswers::TakeSmall(std::size_t bytes, UnsentAnswer* answer) {
  if (bytes > limits_.small_bytes) return false;
  if (small_.fetch_add(bytes, std::memory_order_relaxed) + bytes > limits_.all_small_bytes) {
    small_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  answer->owner_ = this;
  answer->bytes_ = bytes;
  answer->state_ = UnsentAnswer::State::kSmall;
  return true;
}

void UnsentAnswers::Await(const std::string& peer, std::size_t bytes, const std::atomic<bool>& gone,
                          UnsentAnswer* answer, absl::AnyInvocable<void(absl::Status)> go) {
  Turns turns;
  {
    const absl::MutexLock lock(&mutex_);
    std::unique_ptr<UnsentAnswer::Connection>& connection = connections_[peer];
    if (connection == nullptr) {
      connection = std::make_unique<UnsentAnswer::Connection>();
      connection->peer = peer;
    }
    ++connection->answers;
    answer->owner_ = this;
    answer->bytes_ = bytes;
    answer->state_ = UnsentAnswer::State::kWaiting;
    answer->connection_ = connection.get();
    answer->go_ = std::move(go);
    if (connection->waiting.empty()) turns_.push_back(connection.get());
    connection->waiting.push_back(answer);
    turns = gone.load(std::memory_order_relaxed) ? Leave(answer) : Grant();
  }
  // Its own turn is taken here, where its caller is, those of others where they keep nobody
  // waiting.
  const auto own = std::find_if(turns.begin(), turns.end(),
                                [&](const auto& turn) { return turn.first == answer; });
  if (own == turns.end()) {
    RunLater(turns);
    return;
  }
  absl::Status status = std::move(own->second);
  turns.erase(own);
  RunLater(turns);
  auto run = std::move(answer->go_);  // which may be the end of the answer
  run(std::move(status));
}

void UnsentAnswers::Forget(UnsentAnswer* answer) {
  Turns turns;
  {
    const absl::MutexLock lock(&mutex_);
    if (answer->state_ != UnsentAnswer::State::kWaiting) return;
    turns = Leave(answer);
  }
  RunLater(turns);
}

UnsentAnswers::Turns UnsentAnswers::Leave(UnsentAnswer* answer) {
  UnsentAnswer::Connection& connection = *answer->connection_;
  std::erase(connection.waiting, answer);
  if (connection.waiting.empty()) std::erase(turns_, &connection);
  answer->state_ = UnsentAnswer::State::kGranted;
  answer->bytes_ = 0;
  answer->granted_ = granted_.insert(granted_.end(), answer);
  Turns turns = Grant();
  turns.emplace_back(answer, absl::CancelledError("the client went away"));
  return turns;
}

void UnsentAnswers::Release(UnsentAnswer* answer) {
  if (answer->state_ == UnsentAnswer::State::kSmall) {
    small_.fetch_sub(answer->bytes_, std::memory_order_relaxed);
    return;
  }
  Turns turns;
  {
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(answer->state_ == UnsentAnswer::State::kGranted);
    UnsentAnswer::Connection& connection = *answer->connection_;
    granted_.erase(answer->granted_);
    granted_bytes_ -= answer->bytes_;
    connection.granted_bytes -= answer->bytes_;
    answer->charge_ = models::MemoryCharge();
    if (--connection.answers == 0) connections_.erase(std::string(connection.peer));
    turns = Grant();
  }
  RunLater(turns);
}

bool UnsentAnswers::Fits(const UnsentAnswer::Connection& connection, std::size_t bytes) const {
  return connection.granted_bytes == 0 ||
         connection.granted_bytes + bytes <= limits_.connection_bytes;
}

UnsentAnswers::Turns UnsentAnswers::Grant() {
  Turns granted;
  // Each connection once without a grant, then nobody's turn has come.
  std::size_t passed = 0;
  while (passed < turns_.size()) {
    UnsentAnswer::Connection* const connection = turns_.front();
    UnsentAnswer* const answer = connection->waiting.front();
    if (!Fits(*connection, answer->bytes_)) {
      turns_.pop_front();
      turns_.push_back(connection);
      ++passed;
      continue;
    }
    // Whose turn it is waits for room rather than let smaller ones pass, which might never end.
    if (granted_bytes_ != 0 && granted_bytes_ + answer->bytes_ > limits_.all_bytes) break;
    // What is computed, and the bytes that are made of it.
    absl::StatusOr<models::MemoryCharge> charge =
        memory_->Reserve(models::MemoryPurpose::kUnsent, 2 * answer->bytes_);
    if (!charge.ok() && granted_bytes_ != 0) break;
    turns_.pop_front();
    connection->waiting.pop_front();
    if (!connection->waiting.empty()) turns_.push_back(connection);
    passed = 0;
    answer->state_ = UnsentAnswer::State::kGranted;
    answer->granted_ = granted_.insert(granted_.end(), answer);
    absl::Status status = charge.status();
    if (charge.ok()) {
      answer->charge_ = *std::move(charge);
      granted_bytes_ += answer->bytes_;
      connection->granted_bytes += answer->bytes_;
    } else {
      answer->bytes_ = 0;
    }
    granted.emplace_back(answer, std::move(status));
  }
  return granted;
}

void UnsentAnswers::RunLater(const Turns& turns) {
  for (const auto& [answer, status] : turns) {
    executor_.Post([go = std::move(answer->go_), status = status]() mutable { go(status); });
  }
}

void UnsentAnswers::CancelStalled(absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  // Only those who wait for what all share want another's place.
  const bool wanted = std::any_of(turns_.begin(), turns_.end(), [&](const auto* connection) {
    mutex_.AssertHeld();
    return Fits(*connection, connection->waiting.front()->bytes_);
  });
  for (UnsentAnswer* answer : granted_) {
    if (!answer->sending_since_.has_value() || answer->cancel_ == nullptr) continue;
    const auto bytes = static_cast<double>(answer->bytes_);
    absl::Duration allowed = limits_.grace + absl::Seconds(bytes / limits_.bytes_per_second);
    if (wanted) {
      allowed = std::min(allowed, limits_.grace_when_wanted +
                                      absl::Seconds(bytes / limits_.bytes_per_second_when_wanted));
    }
    if (now - *answer->sending_since_ <= allowed) continue;
    answer->cancel_();
    answer->cancel_ = nullptr;
  }
}

std::size_t UnsentAnswers::granted_bytes() const {
  const absl::MutexLock lock(&mutex_);
  return granted_bytes_;
}

}  // namespace descent::services
