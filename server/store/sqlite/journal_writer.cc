#include "server/store/sqlite/journal_writer.h"

#include <variant>

#include "core/status_macros.h"

namespace descent::store {
namespace {

// Buffers that grew larger for one commit are not kept.
constexpr std::size_t kMostKeptCapacity = std::size_t{16} << 20;

}  // namespace

void JournalWriter::Add(KeptModel* model, std::int64_t position, const UpdateRecord& record,
                        std::string bytes) {
  const bool continues =
      model->group >= 0 &&
      groups_[static_cast<std::size_t>(model->group)].row.last_position + 1 == position;
  if (!continues) {
    if (used_ == groups_.size()) groups_.emplace_back();
    Group& group = groups_[used_];
    model->group = static_cast<int>(used_++);
    group.model = model;
    group.row = JournalRow();
    group.row.id = next_id_++;
    group.row.model_id = model->row.id;
    group.row.first_position = position;
    group.records.clear();
    model->rows.emplace_back().id = group.row.id;
  }
  Group& group = groups_[static_cast<std::size_t>(model->group)];
  // A large record alone in its row is not copied.
  if (group.records.empty() && group.records.capacity() < bytes.size()) {
    group.records = std::move(bytes);
  } else {
    group.records += bytes;
  }
  group.row.last_position = position;
  group.row.time = record.time;
  group.row.summary.Add(record);
  LiveRow& live = model->rows.back();
  live.last_position = position;
  live.size_bytes = static_cast<std::int64_t>(group.records.size());
  if (const auto* restore = std::get_if<RestoreUpdate>(&record.update)) {
    live.restores.push_back(restore->checkpoint_id);
  }
}

absl::StatusOr<bool> JournalWriter::Commit(JournalLog* log, std::int64_t build_id) {
  frame_.clear();
  for (std::size_t i = 0; i < used_; ++i) {
    groups_[i].row.build_id = build_id;
    frame_.push_back({.row = &groups_[i].row, .records = groups_[i].records});
  }
  return log->Commit(frame_);
}

absl::Status JournalWriter::Write(JournalTable* table, std::int64_t build_id) {
  for (std::size_t i = 0; i < used_; ++i) {
    groups_[i].row.build_id = build_id;
    RETURN_IF_ERROR(table->Insert(&groups_[i].row, groups_[i].records));
  }
  return absl::OkStatus();
}

std::int64_t JournalWriter::records() const {
  std::int64_t records = 0;
  for (std::size_t i = 0; i < used_; ++i) {
    records += groups_[i].row.last_position - groups_[i].row.first_position + 1;
  }
  return records;
}

void JournalWriter::Committed() {
  for (std::size_t i = 0; i < used_; ++i) {
    const JournalRow& row = groups_[i].row;
    groups_[i].model->shared.journal_bytes += row.size_bytes;
    groups_[i].model->shared.journal_updates += row.last_position - row.first_position + 1;
  }
  Clear();
}

void JournalWriter::RolledBack() {
  for (std::size_t i = used_; i-- > 0;) {
    std::deque<LiveRow>& rows = groups_[i].model->rows;
    if (!rows.empty() && rows.back().id == groups_[i].row.id) rows.pop_back();
  }
  Clear();
}

void JournalWriter::Clear() {
  for (std::size_t i = 0; i < used_; ++i) {
    Group& group = groups_[i];
    CutGroup(group.model);
    group.model = nullptr;
    if (group.records.capacity() > kMostKeptCapacity) std::string().swap(group.records);
  }
  used_ = 0;
}

}  // namespace descent::store
