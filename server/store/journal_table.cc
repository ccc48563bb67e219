#include "server/store/journal_table.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/registry_tables.h"
#include "server/store/row_checksum.h"
#include "server/store/row_owner.h"

namespace descent::store {
namespace {

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
      select_(connection,
              "SELECT id, model_id, first_position, last_position, first_step, last_step, time,"
              " batches, rows, loss, gradient_norm, learning_rate, build_id, size_bytes,"
              " records_checksum, checksum FROM journal ORDER BY id"),
      records_(connection, "SELECT records FROM journal WHERE id = ?") {}

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

absl::StatusOr<std::vector<FoundJournalRow>> JournalTable::ReadAll(
    const std::vector<std::int64_t>& models) {
  std::vector<FoundJournalRow> found;
  select_.Bind();
  while (true) {
    ASSIGN_OR_RETURN(const bool more, select_.Next());
    if (!more) return found;
    FoundJournalRow& next = found.emplace_back();
    JournalRow& row = next.row;
    row.id = select_.Int(0);
    row.model_id = select_.Int(1);
    row.first_position = select_.Int(2);
    row.last_position = select_.Int(3);
    row.summary = {.records = row.last_position - row.first_position + 1,
                   .first_step = select_.Int(4),
                   .last_step = select_.Int(5),
                   .batches = select_.Int(7),
                   .rows = select_.Int(8),
                   .loss = select_.Real(9),
                   .gradient_norm = select_.Real(10),
                   .learning_rate = select_.Real(11)};
    row.time = FromColumn(select_.Int(6));
    row.build_id = select_.Int(12);
    row.size_bytes = select_.Int(13);
    row.records_checksum = static_cast<std::uint64_t>(select_.Int(14));
    const std::int64_t checksum = select_.Int(15);
    const auto matches = [&] { return ChecksumOf(row) == checksum; };
    next.intact = matches();
    if (!next.intact) row.model_id = OwnerOf(models, &row.model_id, matches);
  }
}

absl::StatusOr<std::string> JournalTable::ReadRecords(const JournalRow& row) {
  records_.Bind(row.id);
  ASSIGN_OR_RETURN(const bool found, records_.Next());
  std::string records;
  if (found) records = records_.Bytes(0);
  records_.Reset();
  if (!found || static_cast<std::int64_t>(records.size()) != row.size_bytes ||
      HashOf(records) != row.records_checksum) {
    return StoredStateDamaged(absl::StrCat("journal, row ", row.id, " (steps ",
                                           row.summary.first_step, " to ", row.summary.last_step,
                                           "): its records are not what was written"));
  }
  return records;
}

}  // namespace descent::store
