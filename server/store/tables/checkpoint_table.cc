#include "server/store/tables/checkpoint_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/tables/registry_tables.h"
#include "server/store/tables/row_checksum.h"
#include "server/store/tables/row_owner.h"

namespace descent::store {
namespace {

std::int64_t ChecksumOf(const CheckpointRow& row) {
  return RowChecksum("checkpoints", row.id, row.model_id, row.step, row.position,
                     ToColumn(row.create_time), row.size_bytes,
                     static_cast<std::int64_t>(row.state_hash), row.requested, row.listed,
                     row.build_id, static_cast<std::int64_t>(row.header_checksum));
}

std::int64_t PieceChecksum(std::int64_t checkpoint_id, std::int64_t piece, std::string_view data) {
  return RowChecksum("checkpoint_pieces", checkpoint_id, piece, data);
}

}  // namespace

CheckpointTable::CheckpointTable(Connection* connection)
    : connection_(connection),
      insert_(connection, "INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      set_listed_(connection, "UPDATE checkpoints SET listed = ?, checksum = ? WHERE id = ?"),
      delete_(connection, "DELETE FROM checkpoints WHERE id = ?"),
      insert_piece_(connection, "INSERT INTO checkpoint_pieces VALUES (?, ?, ?, ?)"),
      delete_pieces_(connection,
                     "DELETE FROM checkpoint_pieces WHERE checkpoint_id = ?1 AND piece IN (SELECT"
                     " piece FROM checkpoint_pieces WHERE checkpoint_id = ?1 ORDER BY piece"
                     " LIMIT ?2)"),
      count_pieces_(connection, "SELECT 1 FROM checkpoint_pieces WHERE checkpoint_id = ? LIMIT 1"),
      select_(connection,
              "SELECT id, model_id, step, position, create_time, size_bytes, state_hash, requested,"
              " listed, build_id, header_checksum, checksum FROM checkpoints ORDER BY id"),
      next_owner_(connection,
                  "SELECT checkpoint_id FROM checkpoint_pieces WHERE checkpoint_id > ?"
                  " ORDER BY checkpoint_id LIMIT 1"),
      header_(connection, "SELECT header FROM checkpoints WHERE id = ?"),
      piece_(connection,
             "SELECT checksum, data FROM checkpoint_pieces WHERE checkpoint_id = ? AND piece = ?") {
}

absl::Status CheckpointTable::Insert(CheckpointRow* row, std::string_view header) {
  row->header_checksum = HashOf(header);
  return insert_
      .Bind(row->id, row->model_id, row->step, row->position, ToColumn(row->create_time),
            row->size_bytes, static_cast<std::int64_t>(row->state_hash), row->requested,
            row->listed, row->build_id, static_cast<std::int64_t>(row->header_checksum),
            ChecksumOf(*row), Blob{header})
      .Run();
}

absl::Status CheckpointTable::SetListed(const CheckpointRow& row) {
  return set_listed_.Bind(row.listed, ChecksumOf(row), row.id).Run();
}

absl::Status CheckpointTable::Delete(std::int64_t id) { return delete_.Bind(id).Run(); }

absl::Status CheckpointTable::InsertPiece(std::int64_t checkpoint_id, std::int64_t piece,
                                          std::string_view data) {
  return insert_piece_
      .Bind(checkpoint_id, piece, PieceChecksum(checkpoint_id, piece, data), Blob{data})
      .Run();
}

absl::StatusOr<bool> CheckpointTable::DeletePieces(std::int64_t checkpoint_id, int most) {
  RETURN_IF_ERROR(delete_pieces_.Bind(checkpoint_id, most).Run());
  count_pieces_.Bind(checkpoint_id);
  ASSIGN_OR_RETURN(const bool more, count_pieces_.Next());
  count_pieces_.Reset();
  return more;
}

absl::StatusOr<std::vector<FoundCheckpoint>> CheckpointTable::ReadAll(
    const std::vector<std::int64_t>& models) {
  std::vector<FoundCheckpoint> found;
  select_.Bind();
  while (true) {
    ASSIGN_OR_RETURN(const bool more, select_.Next());
    if (!more) return found;
    FoundCheckpoint& next = found.emplace_back();
    CheckpointRow& row = next.row;
    row = {.id = select_.Int(0),
           .model_id = select_.Int(1),
           .step = select_.Int(2),
           .position = select_.Int(3),
           .create_time = FromColumn(select_.Int(4)),
           .size_bytes = select_.Int(5),
           .state_hash = static_cast<std::uint64_t>(select_.Int(6)),
           .requested = select_.Bool(7),
           .listed = select_.Bool(8),
           .build_id = select_.Int(9),
           .header_checksum = static_cast<std::uint64_t>(select_.Int(10))};
    const std::int64_t checksum = select_.Int(11);
    const auto matches = [&] { return ChecksumOf(row) == checksum; };
    next.intact = matches();
    if (!next.intact) row.model_id = OwnerOf(models, &row.model_id, matches);
  }
}

absl::StatusOr<std::vector<std::int64_t>> CheckpointTable::ReadPieceOwners() {
  std::vector<std::int64_t> owners;
  std::int64_t last = -1;
  while (true) {
    next_owner_.Bind(last);
    ASSIGN_OR_RETURN(const bool found, next_owner_.Next());
    if (!found) return owners;
    last = next_owner_.Int(0);
    next_owner_.Reset();
    owners.push_back(last);
  }
}

absl::StatusOr<std::string> CheckpointTable::ReadHeader(const CheckpointRow& row) {
  header_.Bind(row.id);
  ASSIGN_OR_RETURN(const bool found, header_.Next());
  std::string header;
  if (found) header = header_.Bytes(0);
  header_.Reset();
  if (!found || HashOf(header) != row.header_checksum) {
    return StoredStateDamaged(absl::StrCat("checkpoint of step ", row.step, " (id ", row.id,
                                           "): its header is not what was written"));
  }
  return header;
}

absl::StatusOr<std::string> CheckpointTable::ReadPiece(const CheckpointRow& row,
                                                       std::int64_t piece) {
  piece_.Bind(row.id, piece);
  ASSIGN_OR_RETURN(const bool found, piece_.Next());
  std::string data;
  bool intact = false;
  if (found) {
    data = piece_.Bytes(1);
    intact = PieceChecksum(row.id, piece, data) == piece_.Int(0);
    piece_.Reset();
  }
  const std::int64_t size = std::min(kPieceBytes, row.size_bytes - piece * kPieceBytes);
  if (!intact || static_cast<std::int64_t>(data.size()) != size) {
    return StoredStateDamaged(absl::StrCat("checkpoint of step ", row.step, " (id ", row.id,
                                           "): piece ", piece, " of ", row.pieces(),
                                           " is not what was written"));
  }
  return data;
}

absl::StatusOr<std::int64_t> CheckpointTable::LastId() {
  return connection_->QueryInt("SELECT seq FROM sqlite_sequence WHERE name = 'checkpoints'");
}

}  // namespace descent::store
