// Taking everything that the file has of a model out of it.

#ifndef SERVER_STORE_SQLITE_REMOVAL_H_
#define SERVER_STORE_SQLITE_REMOVAL_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "server/store/sqlite/kept_model.h"
#include "server/store/sqlite/live_row.h"

namespace descent::store {

struct StoreParts;

// In two steps, so that a removal takes one short transaction however much there is: the row that
// makes it a model goes with the transaction, and the rest, which nothing refers to any more, into
// the trash once that is durable. A crash in between leaves what is found at the next start to
// belong to no model.
class Removal {
 public:
  // Within a transaction, if the model is kept. `position`: of the change that removes it.
  absl::Status Apply(KeptModel* model, std::int64_t position, StoreParts* parts);
  // After the transaction, if it was committed.
  void Committed(StoreParts* parts);

 private:
  std::int64_t model_id_ = 0;  // 0: the file had nothing of it
  std::vector<LiveRow> rows_;
  std::vector<std::int64_t> checkpoints_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_REMOVAL_H_
