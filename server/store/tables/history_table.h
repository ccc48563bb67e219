// The tables `history` and `evaluations`: how training went, for people. Nothing depends on them.

#ifndef SERVER_STORE_TABLES_HISTORY_TABLE_H_
#define SERVER_STORE_TABLES_HISTORY_TABLE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/records.h"
#include "server/store/tables/journal_table.h"
#include "server/store/tables/sqlite_connection.h"

namespace descent::store {

// Used by one thread.
class HistoryTable {
 public:
  explicit HistoryTable(Connection* connection);

  // Merges with what the model has for that second.
  absl::Status Add(std::int64_t model_id, std::int64_t second, const UpdateSummary& summary);
  absl::Status Add(std::int64_t model_id, const EvaluationRecord& evaluation);

  // Deletes some of a model's oldest rows, those from before `oldest`; false if there were none.
  absl::StatusOr<bool> DeleteSome(std::int64_t model_id, absl::Time oldest);

  // The models that there are rows of.
  absl::StatusOr<std::vector<std::int64_t>> ReadOwners();

 private:
  Connection* const connection_;
  Statement add_;
  Statement add_evaluation_;
  Statement delete_;
  Statement delete_evaluations_;
  Statement next_owner_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_TABLES_HISTORY_TABLE_H_
