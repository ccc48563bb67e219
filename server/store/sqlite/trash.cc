#include "server/store/sqlite/trash.h"

#include <algorithm>
#include <cstddef>

#include "core/status_macros.h"

namespace descent::store {
namespace {

// Deleting costs reading: SQLite follows each row's pages to free them.
constexpr std::int64_t kBytesAtOnce = std::int64_t{2} << 20;
constexpr std::size_t kRowsAtOnce = 256;
constexpr int kPiecesAtOnce = 2;

}  // namespace

void Trash::AddRow(const LiveRow& row) { rows_.push_back({row.id, row.size_bytes}); }

void Trash::AddCheckpoints(const std::vector<std::int64_t>& checkpoints) {
  checkpoints_.insert(checkpoints_.end(), checkpoints.begin(), checkpoints.end());
}

void Trash::AddHistory(std::int64_t model_id) { AddOldHistory(model_id, absl::InfiniteFuture()); }

void Trash::AddOldHistory(std::int64_t model_id, absl::Time oldest) {
  histories_.push_back({model_id, oldest});
}

absl::Status Trash::Apply(JournalTable* journal, CheckpointTable* checkpoints,
                          HistoryTable* history, std::int64_t written_bytes) {
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
                     checkpoints->DeletePieces(checkpoints_.front(), kPiecesAtOnce));
    deleted_checkpoint_ = !more;
  }
  if (!histories_.empty()) {
    ASSIGN_OR_RETURN(const bool more,
                     history->DeleteSome(histories_.front().model_id, histories_.front().oldest));
    deleted_history_ = !more;
  }
  return absl::OkStatus();
}

void Trash::Committed() {
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(deleted_rows_));
  if (deleted_checkpoint_) checkpoints_.pop_front();
  if (deleted_history_) histories_.pop_front();
  RolledBack();
}

void Trash::RolledBack() {
  deleted_rows_ = 0;
  deleted_checkpoint_ = false;
  deleted_history_ = false;
}

}  // namespace descent::store
