#include "server/store/sqlite/store_tables.h"

#include <algorithm>

#include "core/status_macros.h"

namespace descent::store {

StoreTables::StoreTables(const SqliteStoreOptions& store_options, Connection* store_connection,
                         JournalLog* store_log)
    : options(store_options),
      connection(store_connection),
      log(store_log),
      builds(connection),
      models(connection),
      requests(connection),
      journal(connection),
      checkpoints(connection),
      journal_writer(1) {}

absl::Status StoreTables::Load() {
  ASSIGN_OR_RETURN(const std::vector<BuildRow> rows, builds.ReadAll());
  build_id = rows.empty() ? 1 : rows.back().id + 1;
  for (const BuildRow& row : rows) {
    if (row.engine_version != options.engine_version) continue;
    builds_of_this_engine.insert(row.id);
    if (row.build != options.build || row.instruction_set != options.instruction_set) continue;
    build_id = row.id;
    build_is_known = true;
  }
  builds_of_this_engine.insert(build_id);
  // Ids are never used twice, whatever was deleted since: SQLite keeps the highest of tables with
  // AUTOINCREMENT, and what a crash left of models that were not finished is looked at too.
  for (const char* sql : {
           "SELECT seq FROM sqlite_sequence WHERE name = 'models'",
           "SELECT max(model_id) FROM checkpoints",
           "SELECT max(model_id) FROM journal",
       }) {
    ASSIGN_OR_RETURN(const std::int64_t id, connection->QueryInt(sql));
    next_model_id = std::max({next_model_id, id + 1, log->last_model_id() + 1});
  }
  for (const char* sql : {
           "SELECT seq FROM sqlite_sequence WHERE name = 'checkpoints'",
           "SELECT max(checkpoint_id) FROM checkpoint_pieces",
       }) {
    ASSIGN_OR_RETURN(const std::int64_t id, connection->QueryInt(sql));
    next_checkpoint_id = std::max(next_checkpoint_id, id + 1);
  }
  ASSIGN_OR_RETURN(const std::int64_t last_row,
                   connection->QueryInt("SELECT max(id) FROM journal"));
  journal_writer = JournalWriter(std::max(last_row, log->last_row_id()) + 1);
  // A crash may have left rows in the log that had been moved.
  ASSIGN_OR_RETURN(const std::vector<std::int64_t> in_table, journal.ReadIds());
  for (const std::int64_t id : in_table) log->Release(id);
  return absl::OkStatus();
}

absl::StatusOr<std::string> StoreTables::ReadRecords(const JournalRow& row) {
  return log->Contains(row.id) ? log->Read(row.id) : journal.ReadRecords(row);
}

absl::StatusOr<std::vector<std::int64_t>> StoreTables::MoveRows(
    const std::vector<JournalRow>& rows) {
  std::vector<std::int64_t> moved;
  for (JournalRow row : rows) {
    const absl::StatusOr<std::string> records = log->Read(row.id);
    if (absl::IsDataLoss(records.status())) continue;
    RETURN_IF_ERROR(records.status());
    RETURN_IF_ERROR(journal.Insert(&row, *records));
    moved.push_back(row.id);
  }
  return moved;
}

void StoreTables::ThrowAway(const std::vector<LiveRow>& rows) {
  for (const LiveRow& row : rows) {
    if (!log->Release(row.id)) trash.AddRow(row);
  }
}

absl::Status StoreTables::CheckFiles() const {
  for (const FileIdentity& file : files) RETURN_IF_ERROR(file.Check());
  return log->CheckFiles();
}

absl::Status StoreTables::WriteBuild() {
  if (build_is_known) return absl::OkStatus();
  return builds.Insert({build_id, options.build, options.instruction_set, options.engine_version});
}

absl::Status StoreTables::Write(const Retention& retention) {
  for (const CheckpointRow& row : retention.unlisted) {
    RETURN_IF_ERROR(checkpoints.SetListed(row));
  }
  for (const std::int64_t id : retention.deleted) RETURN_IF_ERROR(checkpoints.Delete(id));
  return absl::OkStatus();
}

}  // namespace descent::store
