#include "server/store/sqlite/checkpoint_writer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/store/format/codec.h"
#include "server/store/sqlite/store_tables.h"

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

absl::Status CheckpointWriter::Apply(StoreTables* tables) {
  DropLostJobs(tables);
  if (jobs_.empty()) return absl::OkStatus();
  if (progress_ == nullptr) Begin(tables);
  if (!progress_->has_all()) RETURN_IF_ERROR(WritePiece(tables));
  if (!progress_->has_all()) return absl::OkStatus();
  ASSIGN_OR_RETURN(completion_, Complete(tables));
  return absl::OkStatus();
}

void CheckpointWriter::DropLostJobs(StoreTables* tables) {
  while (!jobs_.empty()) {
    const KeptModel& model = *jobs_.front().model;
    if (model.failure.ok() && !model.removed) return;
    ThrowAwayPieces(tables);
    Finish(model.removed ? ModelRemoved(model) : model.failure);
  }
}

void CheckpointWriter::Begin(StoreTables* tables) {
  const CheckpointJob& job = jobs_.front();
  // A model that is raised from kMemory has no id until something of it is written.
  tables->EnsureId(job.model.get());
  CheckpointRow row;
  row.id = tables->next_checkpoint_id++;
  row.model_id = job.model->row.id;
  row.step = job.image.state.step;
  row.position = job.position;
  row.create_time = job.create_time;
  row.size_bytes = StateBytes(job.image.state);
  progress_ = std::make_unique<Progress>(row);
}

absl::Status CheckpointWriter::WritePiece(StoreTables* tables) {
  piece_.clear();
  CopyBytes(jobs_.front().image.state, progress_->written, kPieceBytes, &piece_);
  progress_->hasher.Add(piece_.data(), piece_.size());
  RETURN_IF_ERROR(
      tables->checkpoints.InsertPiece(progress_->row.id, progress_->written / kPieceBytes, piece_));
  progress_->written += static_cast<std::int64_t>(piece_.size());
  return absl::OkStatus();
}

absl::StatusOr<CheckpointWriter::Completion> CheckpointWriter::Complete(StoreTables* tables) {
  const CheckpointJob& job = jobs_.front();
  KeptModel* model = job.model.get();
  const TrainerState& state = job.image.state;
  CheckpointRow& row = progress_->row;
  row.state_hash = progress_->hasher.Finish(state.parameters.statistics().get(), state.scalars,
                                            state.optimizer_updates);
  row.requested = job.requested;
  row.listed = true;
  row.build_id = tables->build_id;
  std::vector<CheckpointRow> checkpoints = model->checkpoints;
  RETURN_IF_ERROR(TakePlaceOfSameStep(&checkpoints, tables));
  RETURN_IF_ERROR(tables->checkpoints.Insert(&row, EncodeImageHeader(job.image)));
  checkpoints.push_back(row);

  Completion completion;
  completion.retention = Retain(checkpoints, model->rows, model->loaded_checkpoint,
                                std::max(1, tables->options.kept_checkpoints));
  RETURN_IF_ERROR(tables->Write(completion.retention));
  // With this the model is in the file for good, unless it went back to kMemory after the image was
  // taken; whether it had been there before, or anything was appended since, is the same.
  completion.adds_model =
      !model->kept && job.raises_durability && job.position >= model->forgotten_position;
  if (completion.adds_model) {
    model->row.build_id = tables->build_id;
    RETURN_IF_ERROR(tables->models.Insert(model->row));
  }
  return completion;
}

absl::Status CheckpointWriter::TakePlaceOfSameStep(std::vector<CheckpointRow>* others,
                                                   StoreTables* tables) {
  CheckpointRow& row = progress_->row;
  for (CheckpointRow& other : *others) {
    if (!other.listed || other.step != row.step) continue;
    other.listed = false;
    // Whoever asked for that one is to find this one.
    row.requested = row.requested || other.requested;
    RETURN_IF_ERROR(tables->checkpoints.SetListed(other));
  }
  return absl::OkStatus();
}

void CheckpointWriter::Committed(StoreTables* tables) {
  if (!completion_.has_value()) return;
  const CheckpointJob& job = jobs_.front();
  const CheckpointRow& row = progress_->row;
  KeptModel* model = job.model.get();
  const bool journal_counted = model->JournalCounts();
  if (completion_->adds_model) model->kept = true;
  tables->trash.AddCheckpoints(completion_->retention.deleted);
  model->checkpoints = std::move(completion_->retention.kept);
  model->base_durability = job.image.settings.durability;
  tables->ThrowAway(model->TakeSupersededRows());
  model->CountJournal();
  ++tables->numbers->checkpoints;
  tables->numbers->checkpoint_bytes += static_cast<std::uint64_t>(row.size_bytes);
  // Where the journal did not count, the checkpoint is what has become durable; and if the journal
  // counts with it, so have the records that came after it.
  if (model->kept && !journal_counted) {
    const bool has_records = model->JournalCounts() && model->last_position > job.position;
    model->shared.durable_step = has_records ? model->last_step : row.step;
  }
  Finish(CheckpointInfo{.step = row.step,
                        .create_time = row.create_time,
                        .size_bytes = row.size_bytes,
                        .state_hash = row.state_hash});
}

void CheckpointWriter::Fail(const absl::Status& status, StoreTables* tables) {
  ThrowAwayPieces(tables);
  while (!jobs_.empty()) Finish(status);
}

void CheckpointWriter::Restart(KeptModel* model, StoreTables* tables) {
  if (!jobs_.empty() && jobs_.front().model.get() == model) ThrowAwayPieces(tables);
}

void CheckpointWriter::ThrowAwayPieces(StoreTables* tables) {
  if (progress_ != nullptr) tables->trash.AddCheckpoints({progress_->row.id});
  progress_.reset();
  completion_.reset();
}

void CheckpointWriter::Finish(absl::StatusOr<CheckpointInfo> outcome) {
  CheckpointJob job = std::move(jobs_.front());
  jobs_.pop_front();
  progress_.reset();
  completion_.reset();
  // What was acknowledged from the raise on relied on this checkpoint.
  if (!outcome.ok() && job.raises_durability) job.model->Fail(outcome.status());
  job.image = ModelImage();  // its memory goes before its owner hears of it
  std::move(job.done)(std::move(outcome));
}

}  // namespace descent::store
