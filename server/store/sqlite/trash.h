// What is no longer needed, to be deleted bit by bit beside the commits.

#ifndef SERVER_STORE_SQLITE_TRASH_H_
#define SERVER_STORE_SQLITE_TRASH_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "server/store/sqlite/live_row.h"
#include "server/store/tables/checkpoint_table.h"
#include "server/store/tables/history_table.h"
#include "server/store/tables/journal_table.h"

namespace descent::store {

// Deleting a large model in the transaction that removes it would make every other model's commit
// wait. So what goes is only noted here, after the transaction that took away what referred to it,
// and deleted a bounded part at a time. The notes are in memory alone: what is left when the store
// is closed is found again when it is opened, as rows that no model needs. Used by the store's
// thread.
class Trash {
 public:
  // A row of the table `journal`.
  void AddRow(const LiveRow& row);
  // Checkpoints with their pieces, whole or not.
  void AddCheckpoints(const std::vector<std::int64_t>& checkpoints);
  // A model's history. Its id is never used again.
  void AddHistory(std::int64_t model_id);
  // The part of a model's history from before `oldest`.
  void AddOldHistory(std::int64_t model_id, absl::Time oldest);

  bool empty() const { return rows_.empty() && checkpoints_.empty() && histories_.empty(); }

  // Deletes some, within a transaction that has written `written_bytes` to the journal: of the
  // journal twice that and a little more, so that it does not grow without end.
  absl::Status Apply(JournalTable* journal, CheckpointTable* checkpoints, HistoryTable* history,
                     std::int64_t written_bytes);

  // After the transaction.
  void Committed();
  void RolledBack();

 private:
  struct History {
    std::int64_t model_id = 0;
    absl::Time oldest;
  };

  struct Row {
    std::int64_t id = 0;
    std::int64_t size_bytes = 0;
  };

  std::deque<Row> rows_;
  std::deque<std::int64_t> checkpoints_;
  std::deque<History> histories_;

  // What the transaction has deleted, whole.
  std::size_t deleted_rows_ = 0;
  bool deleted_checkpoint_ = false;
  bool deleted_history_ = false;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_TRASH_H_
