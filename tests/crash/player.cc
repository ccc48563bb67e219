#include "tests/crash/player.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace descent::crash {

using models::Durability;

class Player::Mailbox {
 public:
  void Put(Received received) {
    const absl::MutexLock lock(&mutex_);
    answers_.push_back(std::move(received));
  }

  std::optional<Received> Take() {
    const absl::MutexLock lock(&mutex_);
    const auto any = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !answers_.empty(); };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&any), absl::Minutes(1))) return std::nullopt;
    Received received = std::move(answers_.front());
    answers_.pop_front();
    return received;
  }

 private:
  absl::Mutex mutex_;
  std::deque<Received> answers_ ABSL_GUARDED_BY(mutex_);
};

Player::Player(const Script& script, const References& references, const PlayOptions& options,
               models::Registry* registry, Accounts* accounts)
    : script_(script),
      references_(references),
      options_(options),
      registry_(registry),
      accounts_(*accounts),
      mailbox_(std::make_shared<Mailbox>()) {}

Player::~Player() = default;

void Player::Play(const std::vector<std::size_t>& begin) {
  progress_.clear();
  for (std::size_t model = 0; model < script_.size(); ++model) {
    Progress& progress = progress_.emplace_back();
    progress.next = begin[model];
    progress.repeats_end = accounts_[model].sent;
    progress.client = std::make_unique<ModelClient>(&script_[model], registry_);
    accounts_[model].error = absl::OkStatus();
  }
  bool sending = true;
  while (sending || in_flight_ > 0) {
    sending = false;
    for (std::size_t model = 0; model < script_.size(); ++model) {
      if (!MaySend(model)) continue;
      Send(model);
      sending = true;
    }
    if (!sending && in_flight_ > 0) {
      if (!TakeAnswer()) return;
      sending = true;
    }
  }
}

bool Player::MaySend(std::size_t model) const {
  const Progress& progress = progress_[model];
  if (progress.next == script_[model].actions.size() || !accounts_[model].error.ok()) return false;
  if (in_flight_ >= options_.most_in_flight) return false;
  if (progress.in_barrier) return false;
  if (IsBarrier(script_[model].actions[progress.next])) return progress.in_flight == 0;
  return progress.in_flight < options_.most_in_flight_of_a_model;
}

void Player::Send(std::size_t model) {
  Progress& progress = progress_[model];
  const std::size_t action = progress.next++;
  progress.in_barrier = IsBarrier(script_[model].actions[action]);
  ++progress.in_flight;
  ++in_flight_;
  accounts_[model].sent = std::max(accounts_[model].sent, action + 1);
  progress.client->Send(action, [mailbox = mailbox_, model, action](Answer answer) {
    mailbox->Put({model, action, std::move(answer)});
  });
}

bool Player::TakeAnswer() {
  std::optional<Received> received = mailbox_->Take();
  if (!received.has_value()) {
    violations_.push_back(absl::StrCat(in_flight_, " actions got no answer within a minute"));
    return false;
  }
  Progress& progress = progress_[received->model];
  progress.in_barrier = false;
  --progress.in_flight;
  --in_flight_;
  Account& account = accounts_[received->model];
  if (!received->answer.status.ok()) {
    if (account.error.ok()) account.error = received->answer.status;
    return true;
  }
  if (!account.error.ok()) {
    ReportViolation(*received,
                    absl::StrCat("acknowledged behind a failure: ", account.error.ToString()));
  }
  account.acknowledged = std::max(account.acknowledged, received->action + 1);
  Check(*received);
  MoveDurable(*received);
  return true;
}

void Player::Check(const Received& received) {
  const auto& [model, action, answer] = received;
  const bool is_repeat = action < progress_[model].repeats_end;
  const ModelView& after = references_[model][action + 1];
  const ActionKind kind = script_[model].actions[action].kind;
  const bool tells_now = is_repeat && kind == ActionKind::kBatch;  // the step as it is by now
  if (answer.step.has_value() && !tells_now && *answer.step != after.step) {
    ReportViolation(received, absl::StrCat("at step ", *answer.step, " rather than ", after.step));
  }
  if (answer.replayed.has_value() && *answer.replayed != is_repeat) {
    ReportViolation(received, is_repeat ? "a repeat was applied again"
                                        : "was taken for a repeat, though it had not been applied");
  }
  const bool is_update = kind == ActionKind::kStep || kind == ActionKind::kGradients ||
                         (kind == ActionKind::kBatch && !is_repeat);
  if (is_update && after.durability == Durability::kJournal &&
      answer.durable_step.value_or(0) < after.step) {
    ReportViolation(received, "acknowledged, but not as durable");
  }
}

void Player::MoveDurable(const Received& received) {
  const auto& [model, action, answer] = received;
  Account& account = accounts_[model];
  const Reference& reference = references_[model];
  const ModelView& after = reference[action + 1];
  const bool only_checkpoints = after.exists && after.durability == Durability::kCheckpoint;
  const bool was_the_same =
      reference[action].exists && reference[action].durability == Durability::kCheckpoint;
  const bool saves = script_[model].actions[action].kind == ActionKind::kCreateCheckpoint;
  if (!only_checkpoints || !was_the_same || saves) {
    account.durable = std::max(account.durable, action + 1);
    return;
  }
  if (!answer.durable_step.has_value()) return;
  for (std::size_t i = account.durable; i <= action + 1; ++i) {
    if (reference[i].exists && reference[i].step == *answer.durable_step) {
      account.durable = i;
      return;
    }
  }
}

void Player::ReportViolation(const Received& received, const std::string& what) {
  violations_.push_back(absl::StrCat("model ", script_[received.model].settings.name, ", action ",
                                     received.action, ": ", what));
}

}  // namespace descent::crash
