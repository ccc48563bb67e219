// Reads one checkpoint, a bounded part at a time.

#ifndef SERVER_STORE_SQLITE_CHECKPOINT_READER_H_
#define SERVER_STORE_SQLITE_CHECKPOINT_READER_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/state_hash.h"
#include "server/store/records.h"
#include "server/store/tables/checkpoint_table.h"

namespace descent::store {

class CheckpointReader {
 public:
  explicit CheckpointReader(const CheckpointRow& row) : row_(row) {}

  const CheckpointRow& row() const { return row_; }

  // Reads the next few MiB; true once all is read and checked, down to the state's hash, which is
  // of bytes and so the same for every build. DATA_LOSS.
  absl::StatusOr<bool> ReadSome(CheckpointTable* table);

  // How much is still to be read.
  std::int64_t remaining_bytes() const { return row_.size_bytes - read_; }

  // Once ReadSome has said true.
  ModelImage Take() { return std::move(image_); }

 private:
  absl::Status Begin(CheckpointTable* table);
  void Fill(std::string_view piece);
  absl::Status CheckHash();

  const CheckpointRow row_;
  ModelImage image_;
  std::unique_ptr<StateHasher> hasher_;  // null: not begun
  std::int64_t read_ = 0;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_CHECKPOINT_READER_H_
