#include "server/store/sqlite/journal_operations.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/sqlite/store_parts.h"

namespace descent::store {

void SyncOperation::Finish(const absl::Status& outcome, StoreParts* /*parts*/) {
  if (outcome.ok()) {
    std::move(done_)(memory_step_.value_or(model()->shared.durable_step));
  } else {
    std::move(done_)(outcome);
  }
}

absl::Status RemoveOperation::Apply(StoreParts* parts) {
  RETURN_IF_ERROR(removal_.Apply(model(), position_, parts));
  if (!request_.has_value()) return absl::OkStatus();
  const absl::Time now = absl::Now();
  return parts->requests.Insert(
      {.request = *request_, .time = now, .method = "DeleteModel", .answer = DeletionAnswer()},
      parts->options.request_window, now - parts->options.request_window_age);
}

void RemoveOperation::Finish(const absl::Status& outcome, StoreParts* parts) {
  absl::Status status = outcome;
  if (status.ok() && !is_kept_) status = removal_.Apply(model(), position_, parts);
  if (!status.ok()) {
    std::move(done_)(status);
    return;
  }
  model()->removed = true;
  removal_.Committed(parts);
  std::move(done_)(model()->shared.durable_step.load());
}

void SaveOperation::Finish(const absl::Status& outcome, StoreParts* parts) {
  const absl::Status status = outcome.ok() ? parts->status : outcome;
  if (status.ok()) {
    if (!model()->kept) model()->shared.durable_step = job_.image.state.step;
    parts->checkpoint_writer.Add(std::move(job_));
    return;
  }
  if (job_.raises_durability && model()->failure.ok()) model()->Fail(status);
  std::move(job_.done)(status);
}

void ListOperation::Finish(const absl::Status& outcome, StoreParts* /*parts*/) {
  if (!outcome.ok()) {
    std::move(done_)(outcome);
    return;
  }
  std::vector<CheckpointInfo> listed;
  for (const CheckpointRow& row : model()->checkpoints) {
    if (!row.listed) continue;
    listed.push_back({.step = row.step,
                      .create_time = row.create_time,
                      .size_bytes = row.size_bytes,
                      .state_hash = row.state_hash});
  }
  std::reverse(listed.begin(), listed.end());
  std::move(done_)(std::move(listed));
}

void LoadOperation::Finish(const absl::Status& outcome, StoreParts* parts) {
  if (!outcome.ok()) {
    std::move(done_)(outcome);
    return;
  }
  for (const CheckpointRow& row : model()->checkpoints) {
    if (!row.listed || row.step != step_) continue;
    parts->checkpoint_loader.Add(shared_model(), row, std::move(done_));
    return;
  }
  std::move(done_)(CheckpointNotFound(step_));
}

}  // namespace descent::store
