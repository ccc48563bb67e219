#include "tests/crash/ledger.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace descent::crash {
namespace {

std::string Text(const SourceUpdate& update) {
  return absl::StrCat("update ", update.number, " of ", update.source);
}

std::int64_t CountOf(const Ledger::Counts& counts, const std::string& source) {
  const auto found = counts.find(source);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

Ledger::Ledger(std::unique_ptr<Trainer> trainer, std::function<Batch(const SourceUpdate&)> batch_of)
    : batch_of_(std::move(batch_of)), trainer_(std::move(trainer)) {}

void Ledger::AddSent(const SourceUpdate& update) {
  const absl::MutexLock lock(&mutex_);
  Source& source = sources_[update.source];
  source.sent = std::max(source.sent, update.number);
}

absl::Status Ledger::AddAcknowledged(const SourceUpdate& update, std::int64_t step) {
  const absl::MutexLock lock(&mutex_);
  Source& source = sources_[update.source];
  if (update.number > source.sent) {
    return absl::DataLossError(absl::StrCat(Text(update), " is acknowledged, but was not sent"));
  }
  if (update.number > source.acknowledged + 1) {
    return absl::DataLossError(absl::StrCat(Text(update), " is acknowledged, the one before not"));
  }
  if (step <= trainer_->step()) {
    return absl::DataLossError(absl::StrCat(Text(update), " is acknowledged at step ", step,
                                            ", which was recovered without it"));
  }
  const auto [there, is_new] = acknowledged_at_.try_emplace(step, update);
  if (!is_new && there->second != update) {
    return absl::DataLossError(
        absl::StrCat("step ", step, " was ", Text(there->second), " and ", Text(update)));
  }
  source.acknowledged = std::max(source.acknowledged, update.number);
  return absl::OkStatus();
}

void Ledger::AddCheckpoint(std::int64_t step, std::uint64_t state_hash) {
  const absl::MutexLock lock(&mutex_);
  checkpoints_[step] = state_hash;
}

std::int64_t Ledger::Sent(const std::string& source) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = sources_.find(source);
  return found == sources_.end() ? 0 : found->second.sent;
}

std::int64_t Ledger::Acknowledged(const std::string& source) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = sources_.find(source);
  return found == sources_.end() ? 0 : found->second.acknowledged;
}

std::int64_t Ledger::step() const {
  const absl::MutexLock lock(&mutex_);
  return trainer_->step();
}

absl::Status Ledger::CheckCounts(std::int64_t step, const Counts& applied) const {
  std::int64_t total = 0;
  for (const auto& [name, source] : sources_) {
    const std::int64_t count = CountOf(applied, name);
    if (count < source.acknowledged || count > source.sent) {
      return absl::DataLossError(absl::StrCat("of ", name, " came back ", count, "; acknowledged ",
                                              source.acknowledged, ", sent ", source.sent));
    }
    total += count;
  }
  if (total != step) {
    return absl::DataLossError(
        absl::StrCat("the model came back at step ", step, " with ", total, " updates"));
  }
  return absl::OkStatus();
}

void Ledger::Apply(const SourceUpdate& update) {
  DESCENT_CHECK(trainer_->Step(batch_of_(update)).ok());
}

std::vector<SourceUpdate> Ledger::Next(const Counts& applied, const Counts& run) const {
  const auto known = acknowledged_at_.find(trainer_->step() + 1);
  std::vector<SourceUpdate> candidates;
  for (const auto& [source, count] : applied) {
    const SourceUpdate next{source, CountOf(run, source) + 1};
    if (next.number > count) continue;
    // What is acknowledged was so at its own step.
    const bool fits = known != acknowledged_at_.end()
                          ? next == known->second
                          : next.number > sources_.at(source).acknowledged;
    if (fits) candidates.push_back(next);
  }
  return candidates;
}

bool Ledger::FindOrder(std::int64_t step, std::uint64_t state_hash, const Counts& applied,
                       Counts run, Order* order) {
  std::vector<SourceUpdate> next;
  while (trainer_->step() < step && (next = Next(applied, run)).size() == 1) {
    Apply(next[0]);
    ++run[next[0].source];
    order->push_back(next[0]);
  }
  if (trainer_->step() == step) return trainer_->StateHash() == state_hash;
  const std::size_t certain = order->size();
  for (const SourceUpdate& candidate : next) {
    TrainerState before = trainer_->GetState();
    Counts run_with_it = run;
    ++run_with_it[candidate.source];
    Apply(candidate);
    order->push_back(candidate);
    if (FindOrder(step, state_hash, applied, std::move(run_with_it), order)) return true;
    order->resize(certain);
    DESCENT_CHECK(trainer_->SetState(std::move(before)).ok());
  }
  return false;
}

absl::Status Ledger::CheckRecovered(std::int64_t step, std::uint64_t state_hash,
                                    const Counts& applied) {
  const absl::MutexLock lock(&mutex_);
  if (absl::Status status = CheckCounts(step, applied); !status.ok()) return status;
  TrainerState begin = trainer_->GetState();
  Counts run;
  for (const auto& [name, source] : sources_) run[name] = source.run;
  Order order;
  const bool found = FindOrder(step, state_hash, applied, std::move(run), &order);
  DESCENT_CHECK(trainer_->SetState(std::move(begin)).ok());
  if (!found) {
    return absl::DataLossError(
        absl::StrCat("at step ", step,
                     " the model is not what its updates make of it: no order of those that "
                     "were not acknowledged leads to its hash"));
  }
  // Once more in that order, for the hashes on the way.
  for (const SourceUpdate& update : order) {
    Apply(update);
    const auto checkpoint = checkpoints_.find(trainer_->step());
    if (checkpoint == checkpoints_.end()) continue;
    if (checkpoint->second != trainer_->StateHash()) {
      return absl::DataLossError(
          absl::StrCat("the checkpoint of step ", trainer_->step(), " had another state"));
    }
  }
  for (auto& [name, source] : sources_) {
    source.run = source.acknowledged = source.sent = CountOf(applied, name);
  }
  acknowledged_at_.clear();
  return absl::OkStatus();
}

}  // namespace descent::crash
