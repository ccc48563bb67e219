#include "server/store/sqlite/append_operation.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/store/format/codec.h"
#include "server/store/sqlite/retention.h"
#include "server/store/sqlite/store_parts.h"

namespace descent::store {
namespace {

// SQLite keeps no value of more than 10^9 bytes, and a row holds some other records too.
constexpr std::size_t kMostRecordBytes = 950'000'000;

// What encoding leaves of a record: all but its numbers, which would be held until the commit.
void DropNumbers(UpdateRecord* record) {
  if (std::holds_alternative<BatchUpdate>(record->update)) record->update = BatchUpdate();
  if (std::holds_alternative<GradientsUpdate>(record->update)) record->update = GradientsUpdate();
  if (std::holds_alternative<ParametersUpdate>(record->update)) record->update = ParametersUpdate();
}

absl::Status UpdateTooLarge(std::size_t bytes) {
  return Error(
      absl::StatusCode::kResourceExhausted, "UPDATE_TOO_LARGE",
      absl::StrCat("an update of ", bytes, " bytes can't be kept in a journal, which takes ",
                   kMostRecordBytes, " at most"),
      {{"most_bytes", absl::StrCat(kMostRecordBytes)}});
}

}  // namespace

AppendOperation::AppendOperation(std::shared_ptr<KeptModel> model, Change change, Publish publish,
                                 OnStored done)
    : Operation(std::move(model)),
      change_(std::move(change)),
      writes_record_(change_.before == Durability::kJournal),
      forgets_(change_.after == Durability::kMemory && change_.before != Durability::kMemory),
      unlists_(std::holds_alternative<CheckpointDeletion>(change_.record.update) &&
               change_.before != Durability::kMemory),
      publish_(std::move(publish)),
      published_step_(change_.record.result.step),
      may_be_superseded_(!std::holds_alternative<SettingsUpdate>(change_.record.update)),
      done_(std::move(done)) {
  if (writes_record_) AppendRecord(change_.record, &encoded_);
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

absl::Status AppendOperation::Apply(StoreParts* parts) {
  if (encoded_.size() > kMostRecordBytes) {
    // The model's failure and not the commit's, which other models' changes share.
    model()->Fail(UpdateTooLarge(encoded_.size()));
    return absl::OkStatus();
  }
  if (writes_record_) RETURN_IF_ERROR(WriteRecord(parts));
  if (unlists_) RETURN_IF_ERROR(Unlist(parts));
  if (forgets_) RETURN_IF_ERROR(removal_.Apply(model(), change_.position, parts));
  return absl::OkStatus();
}

absl::Status AppendOperation::WriteRecord(StoreParts* parts) {
  parts->EnsureId(model());
  parts->journal_writer.Add(model(), change_.position, change_.record, std::move(encoded_));
  if (std::holds_alternative<RestoreUpdate>(change_.record.update)) {
    // The checkpoint that it names is now needed by the journal itself.
    model()->loaded_checkpoint = 0;
  }
  return absl::OkStatus();
}

absl::Status AppendOperation::Unlist(StoreParts* parts) {
  const std::int64_t step = std::get<CheckpointDeletion>(change_.record.update).step;
  std::vector<CheckpointRow>& checkpoints = model()->checkpoints;
  for (CheckpointRow& checkpoint : checkpoints) {
    if (!checkpoint.listed || checkpoint.step != step) continue;
    checkpoint.listed = false;
    RETURN_IF_ERROR(parts->checkpoints.SetListed(checkpoint));
  }
  // Recovery may still need it: then it stays, off the list.
  Retention retention = Retain(checkpoints, model()->rows, model()->loaded_checkpoint,
                               std::max(1, parts->options.kept_checkpoints));
  RETURN_IF_ERROR(parts->Write(retention));
  checkpoints = std::move(retention.kept);
  deleted_checkpoints_ = std::move(retention.deleted);
  return absl::OkStatus();
}

void AppendOperation::NoteRecord() {
  KeptModel* kept = model();
  kept->last_position = change_.position;
  kept->last_step = change_.record.result.step;
  // A model that is not in the file promises nothing but what is in memory: it is being raised from
  // kMemory, or this change has just taken it out.
  if (kept->JournalCounts() || !kept->kept) kept->shared.durable_step = kept->last_step;
}

std::int64_t AppendOperation::DurableStep() const {
  // With kMemory a step lasts as long as was promised as soon as it is made.
  if (change_.before == Durability::kMemory) return change_.record.result.step;
  return model()->shared.durable_step;
}

void AppendOperation::Finish(const absl::Status& outcome, StoreParts* parts) {
  if (!outcome.ok()) {
    std::move(done_)(outcome);
    return;
  }
  parts->trash.AddCheckpoints(deleted_checkpoints_);
  if (writes_record_) NoteRecord();
  if (change_.after != change_.before) model()->lowered_position = change_.position;
  if (forgets_) {
    removal_.Committed(parts);
    model()->shared.journal_bytes = 0;
    model()->shared.journal_updates = 0;
    model()->shared.checkpoint_step = 0;
    model()->shared.checkpoint_time = 0;
  }
  const std::int64_t durable = DurableStep();
  if (publish_) {
    // What is published was stored with this change, and lasts if this does.
    std::move(publish_)(durable == change_.record.result.step ? published_step_ : durable);
  }
  std::move(done_)(durable);
}

}  // namespace descent::store
