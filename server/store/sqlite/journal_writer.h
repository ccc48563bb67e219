// Turns the records of one commit into rows of the journal, one for each model, in its log or its
// table.

#ifndef SERVER_STORE_SQLITE_JOURNAL_WRITER_H_
#define SERVER_STORE_SQLITE_JOURNAL_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/store/log/journal_log.h"
#include "server/store/records.h"
#include "server/store/sqlite/kept_model.h"
#include "server/store/tables/journal_table.h"

namespace descent::store {

// Used by the store's thread. Records are added, written, and then either stay or are taken back.
class JournalWriter {
 public:
  // `next_id`: above the ids of all rows there are.
  explicit JournalWriter(std::int64_t next_id) : next_id_(next_id) {}

  // `position`: of the record among all that were ever appended to the model. `bytes`: the record
  // as AppendRecord writes it; of `record` itself no more is looked at than what its update is.
  void Add(KeptModel* model, std::int64_t position, const UpdateRecord& record, std::string bytes);

  // No record added from now on goes into the same row as earlier ones of the model.
  static void CutGroup(KeptModel* model) { model->group = -1; }

  bool empty() const { return used_ == 0; }
  // How many were added.
  std::int64_t records() const;
  // Writes the rows to the journal's log, durably. False if they belong into the table instead
  // (see JournalLog::Commit).
  absl::StatusOr<bool> Commit(JournalLog* log, std::int64_t build_id);
  // Writes the rows to the table, within a transaction.
  absl::Status Write(JournalTable* table, std::int64_t build_id);

  // After the transaction.
  void Committed();
  void RolledBack();

 private:
  struct Group {
    KeptModel* model = nullptr;
    JournalRow row;
    std::string records;
  };

  void Clear();

  // The first `used_` are in use; the others keep their buffers.
  std::vector<Group> groups_;
  std::vector<FrameRow> frame_;  // reused
  std::size_t used_ = 0;
  std::int64_t next_id_ = 1;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_JOURNAL_WRITER_H_
