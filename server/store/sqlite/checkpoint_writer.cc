#include "server/store/sqlite/checkpoint_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/store/format/codec.h"
#include "server/store/sqlite/store_parts.h"

namespace descent::store {
namespace {

// Appends the numbers' bytes from `begin` on to `piece`, `size` of them.
void CopyBytes(const TrainerState& state, std::int64_t begin, std::int64_t size,
               std::string* piece) {
  const auto copy_from = [&](const Buffer& buffer) {
    const auto bytes = static_cast<std::int64_t>(buffer.byte_size());
    if (begin < bytes && size > 0) {
      const std::int64_t count = std::min(size, bytes - begin);
      piece->append(reinterpret_cast<const char*>(buffer.bytes()) + begin,
                    static_cast<std::size_t>(count));
      begin += count;
      size -= count;
    }
    begin -= bytes;
  };
  copy_from(state.parameters.parameters());
  for (const Buffer& slot : state.slots) copy_from(slot);
}

absl::Status ModelRemoved(const KeptModel& model) {
  return Error(absl::StatusCode::kNotFound, "MODEL_NOT_FOUND",
               absl::StrCat("the model \"", model.row.name,
                            "\" was removed before its checkpoint was whole"),
               {{"model", model.row.name}});
}

}  // namespace

std::int64_t StateBytes(const TrainerState& state) {
  std::size_t bytes = state.parameters.parameters().byte_size();
  for (const Buffer& slot : state.slots) bytes += slot.byte_size();
  return static_cast<std::int64_t>(bytes);
}

absl::Status CheckpointWriter::Apply(StoreParts* parts) {
  is_last_ = false;
  while (!jobs_.empty() && (!jobs_.front().model->failure.ok() || jobs_.front().model->removed)) {
    const KeptModel& model = *jobs_.front().model;
    if (row_.id != 0) parts->trash.AddCheckpoints({row_.id});
    Finish(model.removed ? ModelRemoved(model) : model.failure);
  }
  if (jobs_.empty()) return absl::OkStatus();
  CheckpointJob& job = jobs_.front();
  if (row_.id == 0) {
    parts->EnsureId(job.model.get());
    row_.id = parts->next_checkpoint_id++;
    row_.model_id = job.model->row.id;
    row_.step = job.image.state.step;
    row_.position = job.position;
    row_.create_time = job.create_time;
    row_.size_bytes = StateBytes(job.image.state);
    hasher_ = std::make_unique<StateHasher>();
  }
  if (written_ < row_.size_bytes) {
    piece_.clear();
    CopyBytes(job.image.state, written_, kPieceBytes, &piece_);
    hasher_->Add(piece_.data(), piece_.size());
    RETURN_IF_ERROR(parts->checkpoints.InsertPiece(row_.id, written_ / kPieceBytes, piece_));
    written_ += static_cast<std::int64_t>(piece_.size());
  }
  if (written_ < row_.size_bytes) return absl::OkStatus();
  is_last_ = true;
  return WriteRow(parts);
}

absl::Status CheckpointWriter::WriteRow(StoreParts* parts) {
  CheckpointJob& job = jobs_.front();
  KeptModel* model = job.model.get();
  row_.state_hash = hasher_->Finish(job.image.state.scalars, job.image.state.optimizer_updates);
  row_.requested = job.requested;
  row_.listed = true;
  row_.build_id = parts->build_id;
  std::vector<CheckpointRow> checkpoints = model->checkpoints;
  for (CheckpointRow& other : checkpoints) {
    if (!other.listed || other.step != row_.step) continue;
    other.listed = false;
    row_.requested = row_.requested || other.requested;
    RETURN_IF_ERROR(parts->checkpoints.SetListed(other));
  }
  const std::string header = EncodeImageHeader(job.image);
  RETURN_IF_ERROR(parts->checkpoints.Insert(&row_, header));
  checkpoints.push_back(row_);
  retention_ = Retain(checkpoints, model->rows, model->loaded_checkpoint,
                      std::max(1, parts->options.kept_checkpoints));
  RETURN_IF_ERROR(parts->Write(retention_));
  keeps_model_ = !model->kept && job.raises_durability && job.position > model->forgotten_position;
  if (keeps_model_) {
    model->row.build_id = parts->build_id;
    RETURN_IF_ERROR(parts->models.Insert(model->row));
  }
  return absl::OkStatus();
}

void CheckpointWriter::Committed(StoreParts* parts) {
  if (jobs_.empty() || !is_last_) return;
  is_last_ = false;
  CheckpointJob& job = jobs_.front();
  KeptModel* model = job.model.get();
  const bool counted = model->JournalCounts();
  if (keeps_model_) model->kept = true;
  parts->trash.AddCheckpoints(retention_.deleted);
  model->checkpoints = std::move(retention_.kept);
  model->base_durability = job.image.settings.durability;
  parts->ThrowAway(model->TakeSupersededRows());
  std::int64_t journal_bytes = 0;
  for (const LiveRow& row : model->rows) journal_bytes += row.size_bytes;
  model->journal_bytes = journal_bytes;
  model->state_bytes = row_.size_bytes;
  if (model->kept && !counted) {
    model->durable_step = model->JournalCounts() && model->last_position > job.position
                              ? model->last_step
                              : row_.step;
  }
  Finish(CheckpointInfo{.step = row_.step,
                        .create_time = row_.create_time,
                        .size_bytes = row_.size_bytes,
                        .state_hash = row_.state_hash});
}

void CheckpointWriter::Fail(const absl::Status& status, StoreParts* parts) {
  if (row_.id != 0) parts->trash.AddCheckpoints({row_.id});
  while (!jobs_.empty()) Finish(status);
}

void CheckpointWriter::Restart(KeptModel* model, StoreParts* parts) {
  if (jobs_.empty() || jobs_.front().model.get() != model || row_.id == 0) return;
  parts->trash.AddCheckpoints({row_.id});
  StartNext();
}

void CheckpointWriter::Finish(absl::StatusOr<CheckpointInfo> outcome) {
  CheckpointJob job = std::move(jobs_.front());
  jobs_.pop_front();
  StartNext();
  // What was acknowledged from here on relied on this checkpoint.
  if (!outcome.ok() && job.raises_durability) job.model->Fail(outcome.status());
  job.image = ModelImage();
  std::move(job.done)(std::move(outcome));
}

void CheckpointWriter::StartNext() {
  row_ = CheckpointRow();
  hasher_.reset();
  written_ = 0;
  is_last_ = false;
}

}  // namespace descent::store
