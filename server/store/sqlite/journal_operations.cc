#include "server/store/sqlite/journal_operations.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/format/codec.h"
#include "server/store/sqlite/store_parts.h"

namespace descent::store {
namespace {

// SQLite keeps no value of more than 10^9 bytes, and a row holds some other records too.
constexpr std::size_t kMostRecordBytes = 950'000'000;

// What encoding leaves of a record: all but its numbers.
void DropNumbers(UpdateRecord* record) {
  if (std::holds_alternative<BatchUpdate>(record->update)) record->update = BatchUpdate();
  if (std::holds_alternative<GradientsUpdate>(record->update)) record->update = GradientsUpdate();
  if (std::holds_alternative<ParametersUpdate>(record->update)) record->update = ParametersUpdate();
}

}  // namespace

absl::Status Removal::Apply(KeptModel* model, std::int64_t position, StoreParts* parts) {
  model_id_ = model->row.id;
  if (model_id_ == 0) return absl::OkStatus();
  if (model->kept) RETURN_IF_ERROR(parts->models.Delete(model_id_));
  for (const CheckpointRow& checkpoint : model->checkpoints) checkpoints_.push_back(checkpoint.id);
  rows_.assign(std::make_move_iterator(model->rows.begin()),
               std::make_move_iterator(model->rows.end()));
  JournalWriter::CutGroup(model);
  model->rows.clear();
  model->checkpoints.clear();
  model->loaded_checkpoint = 0;
  model->row.id = 0;
  model->kept = false;
  model->forgotten_position = position;
  parts->checkpoint_writer.Restart(model, parts);
  return absl::OkStatus();
}

void Removal::Committed(StoreParts* parts) {
  if (model_id_ == 0) return;
  parts->history_writer.Forget(model_id_);
  parts->ThrowAway(rows_);
  parts->trash.AddCheckpoints(checkpoints_);
  parts->trash.AddHistory(model_id_);
}

AppendOperation::AppendOperation(std::shared_ptr<KeptModel> model, Change change, Publish publish,
                                 OnStored done)
    : Operation(std::move(model)),
      change_(std::move(change)),
      publish_(std::move(publish)),
      published_step_(change_.record.result.step),
      may_be_superseded_(!std::holds_alternative<SettingsUpdate>(change_.record.update)),
      done_(std::move(done)) {
  if (IsKept()) AppendRecord(change_.record, &encoded_);
  DropNumbers(&change_.record);
}

bool AppendOperation::PublishInstead(AppendOperation* later, Publish* superseded) {
  if (!may_be_superseded_) return false;
  if (later->publish_ == nullptr) return true;
  *superseded = std::exchange(publish_, std::move(later->publish_));
  published_step_ = later->published_step_;
  may_be_superseded_ = later->may_be_superseded_;
  return true;
}

bool AppendOperation::changes() const {
  return IsKept() || Forgets() || (IsDeletion() && change_.before != Durability::kMemory);
}

absl::Status AppendOperation::Apply(StoreParts* parts) {
  if (encoded_.size() > kMostRecordBytes) {
    model()->Fail(Error(absl::StatusCode::kResourceExhausted, "UPDATE_TOO_LARGE",
                        absl::StrCat("an update of ", encoded_.size(),
                                     " bytes can't be kept in a journal, "
                                     "which takes ",
                                     kMostRecordBytes, " at most"),
                        {{"most_bytes", absl::StrCat(kMostRecordBytes)}}));
    return absl::OkStatus();
  }
  if (IsKept()) {
    parts->EnsureId(model());
    parts->journal_writer.Add(model(), change_.position, change_.record, std::move(encoded_));
    // The checkpoint it names is now needed by the journal itself.
    if (std::holds_alternative<RestoreUpdate>(change_.record.update))
      model()->loaded_checkpoint = 0;
  }
  if (Forgets()) return removal_.Apply(model(), change_.position, parts);
  if (const auto* deletion = std::get_if<CheckpointDeletion>(&change_.record.update)) {
    return Unlist(deletion->step, parts);
  }
  return absl::OkStatus();
}

absl::Status AppendOperation::Unlist(std::int64_t step, StoreParts* parts) {
  std::vector<CheckpointRow>& checkpoints = model()->checkpoints;
  for (CheckpointRow& checkpoint : checkpoints) {
    if (!checkpoint.listed || checkpoint.step != step) continue;
    checkpoint.listed = false;
    RETURN_IF_ERROR(parts->checkpoints.SetListed(checkpoint));
  }
  Retention retention = Retain(checkpoints, model()->rows, model()->loaded_checkpoint,
                               std::max(1, parts->options.kept_checkpoints));
  RETURN_IF_ERROR(parts->Write(retention));
  checkpoints = std::move(retention.kept);
  deleted_checkpoints_ = std::move(retention.deleted);
  return absl::OkStatus();
}

std::int64_t AppendOperation::DurableStep() const {
  // With kMemory a step lasts as long as was promised as soon as it is made.
  if (change_.before == Durability::kMemory) return change_.record.result.step;
  return model()->durable_step;
}

void AppendOperation::Finish(const absl::Status& outcome, StoreParts* parts) {
  if (!outcome.ok()) {
    std::move(done_)(outcome);
    return;
  }
  KeptModel* kept = model();
  parts->trash.AddCheckpoints(deleted_checkpoints_);
  if (IsKept()) {
    kept->last_position = change_.position;
    kept->last_step = change_.record.result.step;
    // A model that is being raised from kMemory has lost nothing that was promised until it is
    // kept.
    if (kept->JournalCounts() || !kept->kept) kept->durable_step = kept->last_step;
    if (!Forgets()) parts->history_writer.Add(kept->row.id, change_.record);
  }
  if (change_.after != change_.before) kept->lowered_position = change_.position;
  if (Forgets()) {
    removal_.Committed(parts);
    kept->journal_bytes = 0;
  }
  const std::int64_t durable = DurableStep();
  if (publish_) {
    // What is published was stored with this change, and lasts if this does.
    std::move(publish_)(durable == change_.record.result.step ? published_step_ : durable);
  }
  std::move(done_)(durable);
}

void SyncOperation::Finish(const absl::Status& outcome, StoreParts* /*parts*/) {
  if (outcome.ok()) {
    std::move(done_)(memory_step_.value_or(model()->durable_step));
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
  std::move(done_)(model()->durable_step.load());
}

void SaveOperation::Finish(const absl::Status& outcome, StoreParts* parts) {
  const absl::Status status = outcome.ok() ? parts->status : outcome;
  if (status.ok()) {
    if (!model()->kept) model()->durable_step = job_.image.state.step;
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

void EvaluationOperation::Finish(const absl::Status& outcome, StoreParts* parts) {
  if (outcome.ok() && model()->kept) {
    parts->history_writer.Add(model()->row.id, std::move(evaluation_));
  }
}

}  // namespace descent::store
