#include <algorithm>
#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "core/check.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/format/codec.h"
#include "server/store/format/settings_json.h"
#include "server/store/sqlite/checkpoint_reader.h"
#include "server/store/sqlite/sqlite_journal.h"
#include "server/store/sqlite/stored_models.h"

namespace descent::store {
namespace {

// Records are read in chunks of about so much, one ahead of the one being applied.
constexpr std::int64_t kChunkBytes = std::int64_t{4} << 20;

// The records of some rows, on their way from the store's thread.
struct Chunk {
  std::size_t begin = 0;  // rows
  std::size_t end = 0;
  std::vector<absl::StatusOr<std::string>> records;
  absl::Notification is_read;
};

class SqliteStoredModel final : public StoredModel {
 public:
  SqliteStoredModel(FoundModel found, StoreThread* thread)
      : thread_(thread),
        model_(std::move(found.model)),
        rows_(std::move(found.rows)),
        damage_(std::move(found.damage)) {
    for (const JournalRow& row : rows_) remaining_bytes_ += row.size_bytes;
    if (!model_->checkpoints.empty()) remaining_bytes_ += model_->checkpoints.back().size_bytes;
  }

  ~SqliteStoredModel() override {
    if (ahead_ != nullptr) ahead_->is_read.WaitForNotification();
  }

  const std::string& name() const override { return model_->row.name; }
  absl::Time create_time() const override { return model_->row.create_time; }

  std::optional<std::uint64_t> InitialStateHash() const override {
    if (!thread_->IsOfThisEngine(model_->row.build_id)) return std::nullopt;
    return model_->row.initial_state_hash;
  }

  std::int64_t remaining_bytes() const override { return remaining_bytes_; }
  std::int64_t records_of_other_engines() const override { return records_of_other_engines_; }

  absl::StatusOr<ModelImage> Base() override;
  absl::StatusOr<std::vector<UpdateRecord>> NextRecords() override;
  absl::StatusOr<ModelImage> Checkpoint(std::int64_t id) override;
  std::unique_ptr<Journal> TakeJournal() override;

 private:
  absl::StatusOr<ModelImage> Read(const CheckpointRow& row);
  std::unique_ptr<Chunk> StartReading(std::size_t begin);
  // Decodes one row's records behind the base and appends them.
  absl::Status Decode(const JournalRow& row, const std::string& bytes,
                      std::vector<UpdateRecord>* records);
  absl::Status Damage(const JournalRow& row, std::string_view what);

  StoreThread* const thread_;
  const std::shared_ptr<KeptModel> model_;
  const std::vector<JournalRow> rows_;
  absl::Status damage_;
  std::int64_t remaining_bytes_ = 0;
  std::int64_t records_of_other_engines_ = 0;

  bool has_base_ = false;
  Durability durability_ = Durability::kJournal;
  std::int64_t position_ = 0;  // of the last record that was read
  std::int64_t step_ = 0;
  std::size_t next_row_ = 0;
  bool at_end_ = false;
  std::unique_ptr<Chunk> ahead_;  // being read, or null
};

absl::StatusOr<ModelImage> SqliteStoredModel::Read(const CheckpointRow& row) {
  CheckpointReader reader(row);
  absl::StatusOr<bool> is_whole = false;
  while (is_whole.ok() && !*is_whole) {
    thread_->Run([&](StoreParts* parts) { is_whole = reader.ReadSome(&parts->checkpoints); });
  }
  RETURN_IF_ERROR(is_whole.status());
  return reader.Take();
}

absl::StatusOr<ModelImage> SqliteStoredModel::Base() {
  RETURN_IF_ERROR(damage_);
  ModelImage image;
  if (model_->checkpoints.empty()) {
    ASSIGN_OR_RETURN(image.settings, SettingsFromJson(model_->row.initial_settings));
    image.update_time = model_->row.create_time;
  } else {
    const CheckpointRow& base = model_->checkpoints.back();
    ASSIGN_OR_RETURN(image, Read(base));
    remaining_bytes_ -= base.size_bytes;
  }
  model_->base_durability = durability_ = image.settings.durability;
  position_ = model_->base_position();
  step_ = image.state.step;
  // What is behind a base of lower durability waited for a checkpoint that was not finished.
  while (next_row_ < rows_.size() &&
         (durability_ != Durability::kJournal || rows_[next_row_].last_position <= position_)) {
    remaining_bytes_ -= rows_[next_row_++].size_bytes;
  }
  has_base_ = true;
  return image;
}

std::unique_ptr<Chunk> SqliteStoredModel::StartReading(std::size_t begin) {
  if (begin == rows_.size()) return nullptr;
  auto chunk = std::make_unique<Chunk>();
  chunk->begin = chunk->end = begin;
  for (std::int64_t bytes = 0; chunk->end < rows_.size() && bytes < kChunkBytes; ++chunk->end) {
    bytes += rows_[chunk->end].size_bytes;
  }
  thread_->Post([this, chunk = chunk.get()](StoreParts* parts) {
    for (std::size_t i = chunk->begin; i < chunk->end; ++i) {
      chunk->records.push_back(parts->ReadRecords(rows_[i]));
    }
    chunk->is_read.Notify();
  });
  return chunk;
}

absl::Status SqliteStoredModel::Damage(const JournalRow& row, std::string_view what) {
  return StoredStateDamaged(absl::StrCat("journal, row ", row.id, " (steps ",
                                         row.summary.first_step, " to ", row.summary.last_step,
                                         "): ", absl::string_view(what.data(), what.size())));
}

absl::Status SqliteStoredModel::Decode(const JournalRow& row, const std::string& bytes,
                                       std::vector<UpdateRecord>* records) {
  ASSIGN_OR_RETURN(std::vector<UpdateRecord> decoded, DecodeRecords(bytes));
  if (static_cast<std::int64_t>(decoded.size()) != row.last_position - row.first_position + 1) {
    return Damage(row, "it does not hold as many records as it says");
  }
  // The first row may have begun before the base.
  const bool is_first = position_ == model_->base_position();
  if (row.first_position > position_ + 1 || (row.first_position <= position_ && !is_first)) {
    return Damage(row, absl::StrCat("it begins with record ", row.first_position, " behind record ",
                                    position_));
  }
  LiveRow live{.id = row.id,
               .last_position = row.last_position,
               .size_bytes = row.size_bytes,
               .restores = {}};
  const bool is_of_this_engine = thread_->IsOfThisEngine(row.build_id);
  for (auto record = decoded.begin() + (position_ + 1 - row.first_position);
       record != decoded.end() && durability_ == Durability::kJournal; ++record) {
    if (!is_of_this_engine) {
      record->state_hash.reset();
      ++records_of_other_engines_;
    }
    if (const auto* settings = std::get_if<SettingsUpdate>(&record->update)) {
      durability_ = settings->settings.durability;
    } else if (const auto* restore = std::get_if<RestoreUpdate>(&record->update)) {
      live.restores.push_back(restore->checkpoint_id);
    }
    ++position_;
    step_ = record->result.step;
    records->push_back(std::move(*record));
  }
  model_->rows.push_back(std::move(live));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<UpdateRecord>> SqliteStoredModel::NextRecords() {
  RETURN_IF_ERROR(damage_);
  DESCENT_CHECK(has_base_);
  std::vector<UpdateRecord> records;
  // An update that lowers the durability ends the journal.
  if (next_row_ == rows_.size() || durability_ != Durability::kJournal) {
    at_end_ = true;
    return records;
  }
  std::unique_ptr<Chunk> chunk = std::move(ahead_);
  if (chunk == nullptr) chunk = StartReading(next_row_);
  chunk->is_read.WaitForNotification();
  next_row_ = chunk->end;
  ahead_ = StartReading(next_row_);
  for (std::size_t i = chunk->begin; i < chunk->end && durability_ == Durability::kJournal; ++i) {
    remaining_bytes_ -= rows_[i].size_bytes;
    absl::StatusOr<std::string>& bytes = chunk->records[i - chunk->begin];
    damage_ = bytes.ok() ? Decode(rows_[i], *bytes, &records) : bytes.status();
    RETURN_IF_ERROR(damage_);
    std::string().swap(*bytes);
  }
  return records;
}

absl::StatusOr<ModelImage> SqliteStoredModel::Checkpoint(std::int64_t id) {
  for (const CheckpointRow& row : model_->checkpoints) {
    if (row.id == id) return Read(row);
  }
  return StoredStateDamaged(
      absl::StrCat("checkpoint ", id, ", which the journal names, is missing"));
}

std::unique_ptr<Journal> SqliteStoredModel::TakeJournal() {
  KeptModel& model = *model_;
  const CheckpointRow* base = model.checkpoints.empty() ? nullptr : &model.checkpoints.back();
  SqliteJournal::Start start{
      .durability = durability_,
      .position = std::max(position_, rows_.empty() ? 0 : rows_.back().last_position),
      .step = step_,
      .saved_position = model.base_position(),
      .saved_time = base != nullptr ? base->create_time : model.row.create_time,
      .damage = damage_};
  if (!at_end_ && damage_.ok()) start.damage = StoredStateDamaged("the model was not recovered");
  if (!start.damage.ok()) {
    // To be removed with all it has.
    model.rows.clear();
    for (const JournalRow& row : rows_) {
      model.rows.push_back({.id = row.id,
                            .last_position = row.last_position,
                            .size_bytes = row.size_bytes,
                            .restores = {}});
    }
    return std::make_unique<SqliteJournal>(thread_, model_, start);
  }

  std::vector<LiveRow> unneeded;
  std::int64_t live_bytes = 0;
  std::size_t live = 0;
  for (const JournalRow& row : rows_) {
    if (live < model.rows.size() && model.rows[live].id == row.id) {
      live_bytes += row.size_bytes;
      ++live;
    } else {
      unneeded.push_back({.id = row.id,
                          .last_position = row.last_position,
                          .size_bytes = row.size_bytes,
                          .restores = {}});
    }
  }
  // The option may have changed: what is on the list now stays until the next checkpoint.
  Retention retention = Retain(model.checkpoints, model.rows, /*loaded=*/0, INT_MAX);
  if (base != nullptr) model.state_bytes = base->size_bytes;
  model.checkpoints = std::move(retention.kept);
  model.journal_bytes = live_bytes;
  model.durable_step = step_;
  model.last_position = position_;
  model.last_step = step_;
  if (durability_ != model.base_durability) model.lowered_position = position_;
  thread_->Post(
      [unneeded = std::move(unneeded), deleted = std::move(retention.deleted)](StoreParts* parts) {
        parts->ThrowAway(unneeded);
        parts->trash.AddCheckpoints(deleted);
      });
  return std::make_unique<SqliteJournal>(thread_, model_, start);
}

}  // namespace

std::unique_ptr<StoredModel> MakeStoredModel(FoundModel found, StoreThread* thread) {
  return std::make_unique<SqliteStoredModel>(std::move(found), thread);
}

}  // namespace descent::store
