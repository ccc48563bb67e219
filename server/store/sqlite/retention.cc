#include "server/store/sqlite/retention.h"

#include <ranges>
#include <set>

namespace descent::store {

Retention Retain(const std::vector<CheckpointRow>& checkpoints, const std::deque<LiveRow>& rows,
                 std::int64_t loaded, int most_automatic) {
  Retention retention;
  if (checkpoints.empty()) return retention;
  const CheckpointRow& base = checkpoints.back();
  std::set<std::int64_t> needed = {base.id, loaded};
  for (const LiveRow& row : rows) {
    if (row.last_position > base.position) needed.insert(row.restores.begin(), row.restores.end());
  }
  int automatic = 0;
  for (const CheckpointRow& checkpoint : std::views::reverse(checkpoints)) {
    CheckpointRow row = checkpoint;
    if (row.listed && !row.requested && ++automatic > most_automatic) row.listed = false;
    if (!row.listed && !needed.contains(row.id)) {
      retention.deleted.push_back(row.id);
      continue;
    }
    if (checkpoint.listed && !row.listed) retention.unlisted.push_back(row);
    retention.kept.insert(retention.kept.begin(), row);
  }
  return retention;
}

}  // namespace descent::store
