// The tables `checkpoints` and `checkpoint_pieces`.

#ifndef SERVER_STORE_TABLES_CHECKPOINT_TABLE_H_
#define SERVER_STORE_TABLES_CHECKPOINT_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/tables/sqlite_connection.h"

namespace descent::store {

// A checkpoint's numbers (the parameters' bytes, then each slot's) are cut into pieces of this many
// bytes; the last may be shorter.
inline constexpr std::int64_t kPieceBytes = std::int64_t{1} << 20;

struct CheckpointRow {
  std::int64_t id = 0;
  std::int64_t model_id = 0;
  std::int64_t step = 0;
  std::int64_t position = 0;  // of the last record that is in it
  absl::Time create_time;
  std::int64_t size_bytes = 0;  // of the numbers
  std::uint64_t state_hash = 0;
  bool requested = false;
  bool listed = false;
  std::int64_t build_id = 0;
  std::uint64_t header_checksum = 0;

  std::int64_t pieces() const { return (size_bytes + kPieceBytes - 1) / kPieceBytes; }
};

// A row as it was found, without its header; see FoundJournalRow.
struct FoundCheckpoint {
  CheckpointRow row;
  bool intact = false;
};

// A checkpoint is there when its row is, which is written last, and whole: pieces without a row are
// of a checkpoint that was not finished, or is being deleted. Used by one thread.
class CheckpointTable {
 public:
  explicit CheckpointTable(Connection* connection);

  // Sets the header's checksum.
  absl::Status Insert(CheckpointRow* row, std::string_view header);
  absl::Status SetListed(const CheckpointRow& row);
  absl::Status Delete(std::int64_t id);
  absl::Status InsertPiece(std::int64_t checkpoint_id, std::int64_t piece, std::string_view data);

  // Deletes up to `most` pieces; false when there are none left.
  absl::StatusOr<bool> DeletePieces(std::int64_t checkpoint_id, int most);

  // All rows, by id. `models`: the ids that may be.
  absl::StatusOr<std::vector<FoundCheckpoint>> ReadAll(const std::vector<std::int64_t>& models);
  // The ids that there are pieces of, rising.
  absl::StatusOr<std::vector<std::int64_t>> ReadPieceOwners();
  // Checked. DATA_LOSS.
  absl::StatusOr<std::string> ReadHeader(const CheckpointRow& row);
  absl::StatusOr<std::string> ReadPiece(const CheckpointRow& row, std::int64_t piece);
  // The highest ids ever given to a checkpoint.
  absl::StatusOr<std::int64_t> LastId();

 private:
  Connection* const connection_;
  Statement insert_;
  Statement set_listed_;
  Statement delete_;
  Statement insert_piece_;
  Statement delete_pieces_;
  Statement count_pieces_;
  Statement select_;
  Statement next_owner_;
  Statement header_;
  Statement piece_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_TABLES_CHECKPOINT_TABLE_H_
