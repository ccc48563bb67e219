// Which checkpoints stay.

#ifndef SERVER_STORE_SQLITE_RETENTION_H_
#define SERVER_STORE_SQLITE_RETENTION_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "server/store/sqlite/live_row.h"
#include "server/store/tables/checkpoint_table.h"

namespace descent::store {

// What changes when checkpoints are added or taken off the list.
struct Retention {
  std::vector<CheckpointRow> kept;      // as they are to be, oldest first
  std::vector<CheckpointRow> unlisted;  // those of `kept` that are no longer listed
  std::vector<std::int64_t> deleted;
};

// Decides which of `checkpoints` (oldest first, the last one being what recovery begins from) stay:
// those that are listed and those that recovery needs, which are the last, `loaded`, and all that
// the rows after the last one name. Of the listed ones that nobody asked for, the newest
// `most_automatic` stay on the list.
Retention Retain(const std::vector<CheckpointRow>& checkpoints, const std::deque<LiveRow>& rows,
                 std::int64_t loaded, int most_automatic);

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_RETENTION_H_
