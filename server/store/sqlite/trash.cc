#include "server/store/sqlite/trash.h"

#include <algorithm>
#include <cstddef>

#include "core/status_macros.h"

namespace descent::store {
namespace {

// Deleting costs reading: SQLite follows each row's pages to free them.
constexpr std::int64_t kBytesAtOnce = std::int64_t{2} << 20;
constexpr std::size_t kRowsAtOnce = 256;
constexpr int kPiecesDeletedAtOnce = 2;

}  // namespace

void Trash::AddRow(const LiveRow& row) { rows_.push_back({row.id, row.size_bytes}); }

void Trash::AddCheckpoints(const std::vector<std::int64_t>& checkpoints) {
  checkpoints_.insert(checkpoints_.end(), checkpoints.begin(), checkpoints.end());
}

absl::Status Trash::Apply(JournalTable* journal, CheckpointTable* checkpoints,
                          std::int64_t written_bytes) {
  std::int64_t budget = 2 * written_bytes + kBytesAtOnce;
  deleted_rows_ = 0;
  const std::size_t most = std::min(rows_.size(), kRowsAtOnce);
  while (deleted_rows_ < most && budget > 0) {
    const Row& row = rows_[deleted_rows_++];
    budget -= row.size_bytes;
    RETURN_IF_ERROR(journal->Delete(row.id));
  }
  if (!checkpoints_.empty()) {
    RETURN_IF_ERROR(checkpoints->Delete(checkpoints_.front()));
    ASSIGN_OR_RETURN(const bool more,
                     checkpoints->DeletePieces(checkpoints_.front(), kPiecesDeletedAtOnce));
    deleted_checkpoint_ = !more;
  }
  return absl::OkStatus();
}

void Trash::Committed() {
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(deleted_rows_));
  if (deleted_checkpoint_) checkpoints_.pop_front();
  RolledBack();
}

void Trash::RolledBack() {
  deleted_rows_ = 0;
  deleted_checkpoint_ = false;
}

}  // namespace descent::store
