// Collects the history in memory, so that it costs a commit little: about once a second what has
// come together is written with the next commit, one row for each model and second.

#ifndef SERVER_STORE_SQLITE_HISTORY_WRITER_H_
#define SERVER_STORE_SQLITE_HISTORY_WRITER_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/store/records.h"
#include "server/store/sqlite/trash.h"
#include "server/store/tables/history_table.h"

namespace descent::store {

// A crash takes the last second or two. Used by the store's thread.
class HistoryWriter {
 public:
  // `age`: for how long history is kept.
  explicit HistoryWriter(absl::Duration age) : age_(age) {}

  void Add(std::int64_t model_id, const UpdateRecord& record);
  void Add(std::int64_t model_id, EvaluationRecord evaluation);
  // Drops what has not been written of the model.
  void Forget(std::int64_t model_id);

  // When, by SteadyNow, there is something to write; the infinite future if there is nothing.
  absl::Time due() const;

  // Writes all there is, within a transaction, and marks what has become too old. `now`: of
  // SteadyNow.
  absl::Status Apply(HistoryTable* table, absl::Time now, Trash* trash);

  // After the transaction. What was not kept is gone: it is only history.
  void Finished() { writing_.clear(), writing_evaluations_.clear(); }

 private:
  struct Second {
    std::int64_t second = 0;
    UpdateSummary summary;
  };

  const absl::Duration age_;
  absl::Time last_write_ = absl::InfinitePast();
  std::map<std::int64_t, absl::Time> last_prune_;  // by model
  std::map<std::int64_t, Second> current_;         // by model
  std::vector<std::pair<std::int64_t, Second>> writing_;
  std::vector<std::pair<std::int64_t, EvaluationRecord>> writing_evaluations_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_HISTORY_WRITER_H_
