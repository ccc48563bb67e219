#include "server/models/prediction_batcher.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "core/exceptions.h"
#include "server/models/passes.h"

namespace descent::models {
namespace {

// Predictions come one at a time when so many in a row have come so long after the one before. A
// caller who waits for each answer takes longer than that for a call; callers at once who keep a
// core busy do not.
constexpr int kCallsAlone = 8;
constexpr absl::Duration kAlone = absl::Microseconds(75);

}  // namespace

bool PredictionBatcher::NoteArrival() {
  const absl::Time now = absl::Now();
  const absl::MutexLock lock(&mutex_);
  calls_alone_ = now - last_arrival_ >= kAlone ? std::min(calls_alone_ + 1, kCallsAlone) : 0;
  last_arrival_ = now;
  return calls_alone_ == kCallsAlone;
}

void PredictionBatcher::Add(PredictCommand command, Call<PredictOutcome> call) {
  MultiplyAdds cost = 0;
  {
    const absl::MutexLock lock(&mutex_);
    pending_.push_back({std::move(command), std::move(call)});
    if (std::exchange(scheduled_, true)) return;
    cost = CostOfNext();
  }
  Schedule(cost);
}

MultiplyAdds PredictionBatcher::CostOfNext() const {
  std::int64_t rows = 0;
  for (const Pending& pending : pending_) {
    rows += pending.command.inputs.rows();
    if (rows >= resources_->options.max_merged_rows) break;
  }
  return ForwardCost(*publication_->network(), rows);
}

void PredictionBatcher::Schedule(MultiplyAdds cost) {
  resources_->readers.Post([self = shared_from_this()] { self->RunBatch(); },
                           {.owner = publication_.get(), .cost = cost});
}

std::vector<PredictionBatcher::Pending> PredictionBatcher::Take() {
  std::vector<Pending> batch;
  MultiplyAdds cost = 0;
  {
    const absl::MutexLock lock(&mutex_);
    std::int64_t rows = 0;
    while (!pending_.empty()) {
      rows += pending_.front().command.inputs.rows();
      if (!batch.empty() && rows > resources_->options.max_merged_rows) break;
      batch.push_back(std::move(pending_.front()));
      pending_.pop_front();
    }
    scheduled_ = !pending_.empty();
    if (!scheduled_) return batch;
    cost = CostOfNext();
  }
  Schedule(cost);
  return batch;
}

void PredictionBatcher::RunBatch() {
  std::vector<Pending> wanted;
  for (Pending& pending : Take()) {
    absl::Status status = publication_->ReadStatus();
    if (status.ok()) status = pending.call.CheckStillWanted();
    if (status.ok()) {
      wanted.push_back(std::move(pending));
    } else {
      std::move(pending.call).Answer(std::move(status));
    }
  }
  if (wanted.empty()) return;

  std::vector<const PredictCommand*> commands;
  commands.reserve(wanted.size());
  for (const Pending& pending : wanted) commands.push_back(&pending.command);
  auto outcomes =
      CatchExceptions([&]() -> absl::StatusOr<std::vector<absl::StatusOr<PredictOutcome>>> {
        const WorkspacePool::Lease workspace(&resources_->workspaces);
        return RunPredict(*publication_->network(), publication_->snapshot(), commands,
                          &resources_->pool, workspace.get());
      });
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    absl::Status status = wanted[i].call.CheckStillWanted();
    if (status.ok()) status = outcomes.status();
    if (status.ok()) {
      std::move(wanted[i].call).Answer(std::move((*outcomes)[i]));
    } else {
      std::move(wanted[i].call).Answer(std::move(status));
    }
  }
}

}  // namespace descent::models
