// A row of the journal that recovery may need.

#ifndef SERVER_STORE_SQLITE_LIVE_ROW_H_
#define SERVER_STORE_SQLITE_LIVE_ROW_H_

#include <cstdint>
#include <vector>

#include "server/store/tables/journal_table.h"

namespace descent::store {

// What the store keeps in memory of a row while a model is open: enough to tell when it is needed
// no more, and to delete it.
struct LiveRow {
  std::int64_t id = 0;
  std::int64_t last_position = 0;
  std::int64_t size_bytes = 0;
  std::vector<std::int64_t> restores;  // checkpoints that its records name
};

// Without `restores`, which only the records tell.
inline LiveRow LiveRowOf(const JournalRow& row) {
  return {.id = row.id,
          .last_position = row.last_position,
          .size_bytes = row.size_bytes,
          .restores = {}};
}

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_LIVE_ROW_H_
