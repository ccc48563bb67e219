#include "server/store/sqlite/stored_model.h"

#include <algorithm>
#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/format/codec.h"
#include "server/store/format/settings_json.h"
#include "server/store/sqlite/checkpoint_reader.h"
#include "server/store/sqlite/retention.h"
#include "server/store/sqlite/row_reader.h"
#include "server/store/sqlite/sqlite_journal.h"

namespace descent::store {
namespace {

class SqliteStoredModel final : public StoredModel {
 public:
  SqliteStoredModel(FoundModel found, StoreThread* thread)
      : thread_(thread),
        model_(std::move(found.model)),
        rows_(std::move(found.rows)),
        damage_(std::move(found.damage)),
        reader_(thread, &rows_) {
    for (const JournalRow& row : rows_) remaining_bytes_ += row.size_bytes;
    if (!model_->checkpoints.empty()) remaining_bytes_ += model_->checkpoints.back().size_bytes;
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
  // Decodes one row's records after the base and appends them.
  absl::Status Decode(const JournalRow& row, const std::string& bytes,
                      std::vector<UpdateRecord>* records);
  static absl::Status Damage(const JournalRow& row, std::string_view what);

  // An update that lowers the durability ends the journal: nothing that follows it was promised.
  bool JournalGoesOn() const { return durability_ == Durability::kJournal; }

  SqliteJournal::Start WhereItGoesOn() const;
  std::unique_ptr<Journal> JournalOfRecovered();
  std::unique_ptr<Journal> JournalToRemoveItBy();
  // Those of rows_ that are not among the model's: of before the base, or of after an update that
  // lowered the durability.
  std::vector<LiveRow> UnneededRows() const;

  StoreThread* const thread_;
  const std::shared_ptr<KeptModel> model_;
  const std::vector<JournalRow> rows_;
  absl::Status damage_;
  std::int64_t remaining_bytes_ = 0;
  std::int64_t records_of_other_engines_ = 0;

  // As of the last record that was read, or the base.
  Durability durability_ = Durability::kJournal;
  std::int64_t position_ = 0;
  std::int64_t step_ = 0;

  bool has_base_ = false;
  bool at_end_ = false;
  RowReader reader_;  // last: the store's thread may be reading into it
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
  // Rows after a base of lower durability were written while the durability was being raised, which
  // counts only with a checkpoint that was not finished.
  for (const JournalRow* row = reader_.next();
       row != nullptr && (!JournalGoesOn() || row->last_position <= position_);
       row = reader_.next()) {
    remaining_bytes_ -= row->size_bytes;
    reader_.Skip();
  }
  has_base_ = true;
  return image;
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
    return Damage(row, absl::StrCat("it begins with record ", row.first_position, " after record ",
                                    position_));
  }
  LiveRow live = LiveRowOf(row);
  const bool is_of_this_engine = thread_->IsOfThisEngine(row.build_id);
  for (auto record = decoded.begin() + (position_ + 1 - row.first_position);
       record != decoded.end() && JournalGoesOn(); ++record) {
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
  if (!JournalGoesOn() || reader_.next() == nullptr) {
    at_end_ = true;
    return records;
  }
  for (RowReader::Row& read : reader_.Read()) {
    if (!JournalGoesOn()) break;
    remaining_bytes_ -= read.row->size_bytes;
    damage_ =
        read.records.ok() ? Decode(*read.row, *read.records, &records) : read.records.status();
    RETURN_IF_ERROR(damage_);
    std::string().swap(*read.records);  // the decoded ones take as much
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
  // A journal that goes on after some of the records would forget the rest.
  if (!at_end_ && damage_.ok()) damage_ = StoredStateDamaged("the model was not recovered");
  return damage_.ok() ? JournalOfRecovered() : JournalToRemoveItBy();
}

SqliteJournal::Start SqliteStoredModel::WhereItGoesOn() const {
  const std::vector<CheckpointRow>& checkpoints = model_->checkpoints;
  return {
      .durability = durability_,
      // Above every record that the file has of the model, those that were not read among them.
      .position = std::max(position_, rows_.empty() ? 0 : rows_.back().last_position),
      .step = step_,
      .saved_position = model_->base_position(),
      .saved_time = checkpoints.empty() ? model_->row.create_time : checkpoints.back().create_time,
      .damage = damage_,
  };
}

std::unique_ptr<Journal> SqliteStoredModel::JournalToRemoveItBy() {
  // All that the file has, read or not, is to go when the model is removed.
  model_->rows.clear();
  for (const JournalRow& row : rows_) model_->rows.push_back(LiveRowOf(row));
  return std::make_unique<SqliteJournal>(thread_, model_, WhereItGoesOn());
}

std::vector<LiveRow> SqliteStoredModel::UnneededRows() const {
  std::vector<LiveRow> unneeded;
  auto needed = model_->rows.begin();  // in the order of rows_
  for (const JournalRow& row : rows_) {
    if (needed != model_->rows.end() && needed->id == row.id) {
      ++needed;
    } else {
      unneeded.push_back(LiveRowOf(row));
    }
  }
  return unneeded;
}

std::unique_ptr<Journal> SqliteStoredModel::JournalOfRecovered() {
  KeptModel& model = *model_;
  const SqliteJournal::Start start = WhereItGoesOn();
  model.shared.durable_step = step_;
  model.last_position = position_;
  model.last_step = step_;
  model.CountJournal();
  // The journal lowered it: it counts again with the next checkpoint that has the higher one.
  if (durability_ != model.base_durability) model.lowered_position = position_;

  // The option of how many are kept may have changed: what is on the list now stays there until the
  // next checkpoint. What is neither listed nor needed goes.
  Retention retention = Retain(model.checkpoints, model.rows, /*loaded=*/0, INT_MAX);
  model.checkpoints = std::move(retention.kept);
  thread_->Post(
      [unneeded = UnneededRows(), deleted = std::move(retention.deleted)](StoreParts* parts) {
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
