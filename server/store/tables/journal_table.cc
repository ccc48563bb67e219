#include "server/store/tables/journal_table.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/tables/registry_tables.h"
#include "server/store/tables/row_checksum.h"
#include "server/store/tables/row_owner.h"

namespace descent::store {
namespace {

// All but the records, in the table's order.
constexpr absl::string_view kColumns =
    "id, model_id, first_position, last_position, first_step, last_step, time, batches, rows, loss,"
    " gradient_norm, learning_rate, build_id, size_bytes, records_checksum, checksum";
constexpr int kChecksumColumn = 15;

const char* SelectAll() {
  static const auto* const sql =
      new std::string(absl::StrCat("SELECT ", kColumns, " FROM journal ORDER BY id"));
  return sql->c_str();
}

const char* SelectOne() {
  static const auto* const sql =
      new std::string(absl::StrCat("SELECT ", kColumns, ", records FROM journal WHERE id = ?"));
  return sql->c_str();
}

JournalRow RowOf(const Statement& statement) {
  JournalRow row;
  row.id = statement.Int(0);
  row.model_id = statement.Int(1);
  row.first_position = statement.Int(2);
  row.last_position = statement.Int(3);
  // Whatever a damaged row says: its checksum is looked at afterwards.
  std::int64_t records = 0;
  if (__builtin_sub_overflow(row.last_position, row.first_position, &records) ||
      __builtin_add_overflow(records, 1, &records)) {
    records = 0;
  }
  row.summary = {.records = records,
                 .first_step = statement.Int(4),
                 .last_step = statement.Int(5),
                 .batches = statement.Int(7),
                 .rows = statement.Int(8),
                 .loss = statement.Real(9),
                 .gradient_norm = statement.Real(10),
                 .learning_rate = statement.Real(11)};
  row.time = FromColumn(statement.Int(6));
  row.build_id = statement.Int(12);
  row.size_bytes = statement.Int(13);
  row.records_checksum = static_cast<std::uint64_t>(statement.Int(14));
  return row;
}

std::int64_t ChecksumOf(const JournalRow& row) {
  const UpdateSummary& summary = row.summary;
  return RowChecksum("journal", row.id, row.model_id, row.first_position, row.last_position,
                     summary.first_step, summary.last_step, ToColumn(row.time), summary.batches,
                     summary.rows, summary.loss, summary.gradient_norm, summary.learning_rate,
                     row.build_id, row.size_bytes, static_cast<std::int64_t>(row.records_checksum));
}

}  // namespace

void UpdateSummary::Add(const UpdateRecord& record) {
  const bool trains = std::holds_alternative<BatchUpdate>(record.update) ||
                      std::holds_alternative<GradientsUpdate>(record.update);
  if (records++ == 0) first_step = record.result.step;
  last_step = record.result.step;
  if (!trains) return;
  ++batches;
  gradient_norm = AsKept(record.result.gradient_norm);
  learning_rate = AsKept(record.result.learning_rate);
  if (record.rows <= 0) return;
  rows += record.rows;
  const double share = static_cast<double>(record.rows) / static_cast<double>(rows);
  loss = AsKept(loss + share * (record.result.loss - loss));
}

JournalTable::JournalTable(Connection* connection)
    : insert_(connection,
              "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      delete_(connection, "DELETE FROM journal WHERE id = ?"),
      select_(connection, SelectAll()),
      records_(connection, SelectOne()),
      ids_(connection, "SELECT id FROM journal ORDER BY id") {}

absl::Status JournalTable::Insert(JournalRow* row, std::string_view records) {
  row->size_bytes = static_cast<std::int64_t>(records.size());
  row->records_checksum = HashOf(records);
  const UpdateSummary& summary = row->summary;
  return insert_
      .Bind(row->id, row->model_id, row->first_position, row->last_position, summary.first_step,
            summary.last_step, ToColumn(row->time), summary.batches, summary.rows, summary.loss,
            summary.gradient_norm, summary.learning_rate, row->build_id, row->size_bytes,
            static_cast<std::int64_t>(row->records_checksum), ChecksumOf(*row), Blob{records})
      .Run();
}

absl::Status JournalTable::Delete(std::int64_t id) { return delete_.Bind(id).Run(); }

absl::StatusOr<std::vector<std::int64_t>> JournalTable::ReadIds() {
  std::vector<std::int64_t> ids;
  ids_.Bind();
  while (true) {
    ASSIGN_OR_RETURN(const bool more, ids_.Next());
    if (!more) return ids;
    ids.push_back(ids_.Int(0));
  }
}

absl::StatusOr<std::vector<FoundJournalRow>> JournalTable::ReadAll(
    const std::vector<std::int64_t>& models) {
  std::vector<FoundJournalRow> found;
  select_.Bind();
  while (true) {
    ASSIGN_OR_RETURN(const bool more, select_.Next());
    if (!more) return found;
    FoundJournalRow& next = found.emplace_back();
    next.row = RowOf(select_);
    const std::int64_t checksum = select_.Int(kChecksumColumn);
    const auto matches = [&] { return ChecksumOf(next.row) == checksum; };
    next.intact = matches();
    if (!next.intact) next.row.model_id = OwnerOf(models, &next.row.model_id, matches);
  }
}

absl::StatusOr<std::string> JournalTable::ReadRecords(const JournalRow& row) {
  records_.Bind(row.id);
  ASSIGN_OR_RETURN(const bool is_there, records_.Next());
  std::string records;
  bool intact = is_there;
  if (is_there) {
    const JournalRow found = RowOf(records_);
    records = records_.Bytes(kChecksumColumn + 1);
    intact = ChecksumOf(found) == records_.Int(kChecksumColumn) && found.model_id == row.model_id &&
             found.last_position == row.last_position && HashOf(records) == found.records_checksum;
  }
  records_.Reset();
  if (!intact) {
    return StoredStateDamaged(absl::StrCat("journal, row ", row.id, " (steps ",
                                           row.summary.first_step, " to ", row.summary.last_step,
                                           "): its records are not what was written"));
  }
  return records;
}

}  // namespace descent::store
