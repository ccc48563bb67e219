#include "server/models/prediction_batcher.h"

#include "server/models/passes.h"

namespace descent::models {

void PredictionBatcher::Add(PredictCommand command, Call<PredictOutcome> call) {
  {
    const absl::MutexLock lock(&mutex_);
    pending_.push_back({std::move(command), std::move(call)});
    if (std::exchange(scheduled_, true)) return;
  }
  Schedule();
}

void PredictionBatcher::Schedule() {
  resources_->readers.Post([self = shared_from_this()] { self->RunBatch(); });
}

std::vector<PredictionBatcher::Pending> PredictionBatcher::Take() {
  std::vector<Pending> batch;
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
  }
  Schedule();
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
  std::vector<PredictOutcome> outcomes;
  {
    const WorkspacePool::Lease workspace(&resources_->workspaces);
    outcomes = RunPredict(*publication_->network(), publication_->snapshot(), commands,
                          &resources_->pool, workspace.get());
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    absl::Status status = wanted[i].call.CheckStillWanted();
    if (status.ok()) {
      std::move(wanted[i].call).Answer(std::move(outcomes[i]));
    } else {
      std::move(wanted[i].call).Answer(std::move(status));
    }
  }
}

}  // namespace descent::models
