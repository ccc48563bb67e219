#include "server/store/tables/registry_tables.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/format/codec.h"
#include "server/store/tables/row_checksum.h"

namespace descent::store {
namespace {

absl::Status DamagedRow(const char* table, std::int64_t id) {
  return StoredStateDamaged(
      absl::StrCat("table ", table, ", row ", id, ": its checksum does not match"));
}

std::int64_t ChecksumOf(const BuildRow& row) {
  return RowChecksum("builds", row.id, row.build, row.instruction_set, row.engine_version);
}

std::int64_t ChecksumOf(const ModelRow& row) {
  return RowChecksum("models", row.id, row.name, row.initial_settings, ToColumn(row.create_time),
                     static_cast<std::int64_t>(row.initial_state_hash), row.build_id);
}

}  // namespace

BuildsTable::BuildsTable(Connection* connection)
    : select_(
          connection,
          "SELECT id, build, instruction_set, engine_version, checksum FROM builds ORDER BY id"),
      insert_(connection, "INSERT INTO builds VALUES (?, ?, ?, ?, ?)") {}

absl::StatusOr<std::vector<BuildRow>> BuildsTable::ReadAll() {
  std::vector<BuildRow> rows;
  select_.Bind();
  while (true) {
    ASSIGN_OR_RETURN(const bool found, select_.Next());
    if (!found) return rows;
    BuildRow& row = rows.emplace_back();
    row.id = select_.Int(0);
    row.build = select_.Text(1);
    row.instruction_set = select_.Text(2);
    row.engine_version = select_.Int(3);
    if (ChecksumOf(row) != select_.Int(4)) {
      select_.Reset();
      return DamagedRow("builds", row.id);
    }
  }
}

absl::Status BuildsTable::Insert(const BuildRow& row) {
  return insert_.Bind(row.id, row.build, row.instruction_set, row.engine_version, ChecksumOf(row))
      .Run();
}

ModelsTable::ModelsTable(Connection* connection)
    : select_(connection,
              "SELECT id, name, initial_settings, create_time, initial_state_hash, build_id,"
              " checksum FROM models ORDER BY name"),
      insert_(connection, "INSERT INTO models VALUES (?, ?, ?, ?, ?, ?, ?)"),
      delete_(connection, "DELETE FROM models WHERE id = ?") {}

absl::StatusOr<std::vector<ModelRow>> ModelsTable::ReadAll() {
  std::vector<ModelRow> rows;
  select_.Bind();
  while (true) {
    ASSIGN_OR_RETURN(const bool found, select_.Next());
    if (!found) return rows;
    ModelRow& row = rows.emplace_back();
    row.id = select_.Int(0);
    row.name = select_.Text(1);
    row.initial_settings = select_.Text(2);
    row.create_time = FromColumn(select_.Int(3));
    row.initial_state_hash = static_cast<std::uint64_t>(select_.Int(4));
    row.build_id = select_.Int(5);
    if (ChecksumOf(row) != select_.Int(6)) {
      select_.Reset();
      return DamagedRow("models", row.id);
    }
  }
}

absl::Status ModelsTable::Insert(const ModelRow& row) {
  return insert_
      .Bind(row.id, row.name, row.initial_settings, ToColumn(row.create_time),
            static_cast<std::int64_t>(row.initial_state_hash), row.build_id, ChecksumOf(row))
      .Run();
}

absl::Status ModelsTable::Delete(std::int64_t id) { return delete_.Bind(id).Run(); }

RequestsTable::RequestsTable(Connection* connection)
    : select_(connection,
              "SELECT id, request_id, fingerprint, time, method, checksum, answer FROM requests"
              " ORDER BY id"),
      last_(connection, "SELECT max(id) FROM requests"),
      insert_(connection,
              "INSERT INTO requests (id, request_id, fingerprint, time, method, checksum, answer)"
              " VALUES (?, ?, ?, ?, ?, ?, ?)"),
      prune_(connection, "DELETE FROM requests WHERE id <= ? OR time < ?") {}

absl::StatusOr<std::vector<RememberedAnswer>> RequestsTable::ReadAll() {
  std::vector<RememberedAnswer> answers;
  select_.Bind();
  while (true) {
    ASSIGN_OR_RETURN(const bool found, select_.Next());
    if (!found) return answers;
    const std::int64_t id = select_.Int(0);
    const std::int64_t checksum = RowChecksum("requests", id, select_.Text(1), select_.Int(2),
                                              select_.Int(3), select_.Text(4), select_.Bytes(6));
    absl::StatusOr<RememberedAnswer> answer =
        checksum == select_.Int(5) ? DecodeAnswer(select_.Bytes(6)) : DamagedRow("requests", id);
    if (!answer.ok()) {
      select_.Reset();
      return std::move(answer).status();
    }
    answers.push_back(*std::move(answer));
  }
}

absl::Status RequestsTable::Insert(const RememberedAnswer& answer, int most, absl::Time oldest) {
  last_.Bind();
  ASSIGN_OR_RETURN(const bool found, last_.Next());
  const std::int64_t id = found ? last_.Int(0) + 1 : 1;
  last_.Reset();
  const std::string bytes = EncodeAnswer(answer);
  const auto fingerprint = static_cast<std::int64_t>(answer.request.fingerprint);
  const std::int64_t checksum = RowChecksum("requests", id, answer.request.id, fingerprint,
                                            ToColumn(answer.time), answer.method, bytes);
  RETURN_IF_ERROR(insert_
                      .Bind(id, answer.request.id, fingerprint, ToColumn(answer.time),
                            answer.method, checksum, Blob{bytes})
                      .Run());
  return prune_.Bind(id - most, ToColumn(oldest)).Run();
}

}  // namespace descent::store
