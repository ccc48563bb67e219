#include "server/store/sqlite/checkpoint_reader.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"
#include "server/store/format/codec.h"

namespace descent::store {
namespace {

constexpr int kPiecesReadAtOnce = 4;

}  // namespace

absl::Status CheckpointReader::Begin(CheckpointTable* table) {
  ASSIGN_OR_RETURN(const std::string header, table->ReadHeader(row_));
  ASSIGN_OR_RETURN(image_, DecodeImageHeader(header, row_.size_bytes));
  if (StateBytes(image_.state) != row_.size_bytes || image_.state.step != row_.step) {
    return StoredStateDamaged(absl::StrCat("checkpoint of step ", row_.step, " (id ", row_.id,
                                           "): its header does not fit it"));
  }
  hasher_ = std::make_unique<StateHasher>();
  return absl::OkStatus();
}

absl::StatusOr<bool> CheckpointReader::ReadSome(CheckpointTable* table) {
  if (hasher_ == nullptr) RETURN_IF_ERROR(Begin(table));
  for (int i = 0; i < kPiecesReadAtOnce && read_ < row_.size_bytes; ++i) {
    ASSIGN_OR_RETURN(const std::string piece, table->ReadPiece(row_, read_ / kPieceBytes));
    hasher_->Add(piece.data(), piece.size());
    Fill(piece);
  }
  if (read_ < row_.size_bytes) return false;
  RETURN_IF_ERROR(CheckHash());
  return true;
}

void CheckpointReader::Fill(std::string_view piece) {
  std::int64_t begin = read_;
  read_ += static_cast<std::int64_t>(piece.size());
  const auto copy_to = [&](Buffer* buffer) {
    const auto bytes = static_cast<std::int64_t>(buffer->byte_size());
    if (begin < bytes && !piece.empty()) {
      const std::size_t count = std::min(piece.size(), static_cast<std::size_t>(bytes - begin));
      std::memcpy(buffer->bytes() + begin, piece.data(), count);
      piece.remove_prefix(count);
      begin += static_cast<std::int64_t>(count);
    }
    begin -= bytes;
  };
  copy_to(SnapshotPool::mutable_parameters(image_.state.parameters));
  for (Buffer& slot : image_.state.slots) copy_to(&slot);
}

absl::Status CheckpointReader::CheckHash() {
  const std::uint64_t hash = hasher_->Finish(image_.state.parameters.statistics().get(),
                                             image_.state.scalars, image_.state.optimizer_updates);
  if (hash == row_.state_hash) return absl::OkStatus();
  return StoredStateDamaged(absl::StrCat("checkpoint of step ", row_.step, " (id ", row_.id,
                                         "): its state's hash does not match"));
}

}  // namespace descent::store
