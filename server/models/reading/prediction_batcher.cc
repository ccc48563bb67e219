#include "server/models/reading/prediction_batcher.h"

#include <algorithm>

#include "clock/steady.h"
#include "core/exceptions.h"
#include "core/status_macros.h"
#include "server/models/reading/answer_size.h"
#include "server/models/reading/passes.h"

namespace descent::models {
namespace {

// Predictions come one at a time when so many in a row have come so long after the one before. A
// caller who waits for each answer takes longer than that for a call; callers at once who keep a
// core busy do not.
constexpr int kCallsAlone = 8;
constexpr absl::Duration kAlone = absl::Microseconds(75);

}  // namespace

bool PredictionBatcher::NoteArrival() {
  const absl::Time now = SteadyNow();
  const absl::MutexLock lock(&mutex_);
  calls_alone_ = now - last_arrival_ >= kAlone ? std::min(calls_alone_ + 1, kCallsAlone) : 0;
  last_arrival_ = now;
  return calls_alone_ == kCallsAlone;
}

void PredictionBatcher::Add(PredictCommand command, Call<PredictOutcome> call) {
  MultiplyAdds cost = 0;
  {
    const absl::MutexLock lock(&mutex_);
    pending_rows_ += command.inputs.rows();
    const std::uint64_t caller = call.caller();
    pending_.Push(caller, {std::move(command), std::move(call)});
    if (std::exchange(scheduled_, true)) return;
    cost = CostOfNext();
  }
  Schedule(cost);
}

MultiplyAdds PredictionBatcher::CostOfNext() const {
  const std::int64_t most = resources_->options.max_merged_rows;
  const std::int64_t first = pending_.Next().command.inputs.rows();
  return ForwardCost(*publication_->network(), std::max(first, std::min(pending_rows_, most)));
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
      rows += pending_.Next().command.inputs.rows();
      if (!batch.empty() && rows > resources_->options.max_merged_rows) break;
      batch.push_back(pending_.Pop());
      pending_rows_ -= batch.back().command.inputs.rows();
    }
    scheduled_ = !pending_.empty();
    if (!scheduled_) return batch;
    cost = CostOfNext();
  }
  Schedule(cost);
  return batch;
}

absl::StatusOr<std::vector<absl::StatusOr<PredictOutcome>>> PredictionBatcher::Compute(
    absl::Span<const PredictCommand* const> commands, std::int64_t rows, MemoryCharge* unsent) {
  const Network& network = *publication_->network();
  WorkspacePool::Lease workspace(&resources_->workspaces);
  double bytes = PassBytes(network, rows, /*matrices=*/2);
  if (commands.size() > 1) {
    bytes += static_cast<double>(rows) * static_cast<double>(network.input_features()) *
             static_cast<double>(ByteWidth(network.data_type()));
    for (const PredictCommand* command : commands) {
      bytes += static_cast<double>(ByteSize(command->categories));
    }
  }
  RETURN_IF_ERROR(workspace.Reserve(bytes));
  ASSIGN_OR_RETURN(
      *unsent, resources_->CountOutcome(OutcomeBytes(network, PredictAnswerSize(network, rows))));
  return RunPredict(network, publication_->snapshot(), commands, &resources_->pool,
                    workspace.get());
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
  std::int64_t rows = 0;
  for (const Pending& pending : wanted) {
    commands.push_back(&pending.command);
    rows += pending.command.inputs.rows();
  }
  MemoryCharge unsent;
  auto outcomes = CatchExceptions([&] { return Compute(commands, rows, &unsent); });
  ModelCounters& counters = publication_->counters();
  if (wanted.size() > 1 && outcomes.ok()) {
    AddTo<std::uint64_t>(&counters.merged_passes, 1);
    AddTo(&counters.merged_rows, static_cast<std::uint64_t>(rows));
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    absl::Status status = wanted[i].call.CheckStillWanted();
    if (status.ok()) status = outcomes.status();
    if (status.ok()) {
      if ((*outcomes)[i].ok()) CountPrediction(wanted[i].command.inputs.rows(), &counters);
      std::move(wanted[i].call).Answer(std::move((*outcomes)[i]));
    } else {
      std::move(wanted[i].call).Answer(std::move(status));
    }
  }
}

}  // namespace descent::models
