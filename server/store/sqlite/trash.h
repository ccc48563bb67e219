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

  bool empty() const { return rows_.empty() && checkpoints_.empty(); }

  // Deletes some, within a transaction that has written `written_bytes` to the journal: of the
  // journal twice that and a little more, so that it does not grow without end.
  absl::Status Apply(JournalTable* journal, CheckpointTable* checkpoints,
                     std::int64_t written_bytes);

  // After the transaction.
  void Committed();
  void RolledBack();

 private:
  struct Row {
    std::int64_t id = 0;
    std::int64_t size_bytes = 0;
  };

  std::deque<Row> rows_;
  std::deque<std::int64_t> checkpoints_;

  // What the transaction has deleted, whole.
  std::size_t deleted_rows_ = 0;
  bool deleted_checkpoint_ = false;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_TRASH_H_
