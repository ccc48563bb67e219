#include "server/store/sqlite/kept_model.h"

#include "server/store/sqlite/operation.h"

namespace descent::store {

// Here, where an Operation is known.
KeptModel::KeptModel() = default;
KeptModel::~KeptModel() = default;

void KeptModel::CountJournal() {
  std::int64_t bytes = 0;
  for (const LiveRow& live : rows) bytes += live.size_bytes;
  shared.journal_bytes = bytes;
  // Records of a weaker durability have positions too, and are not kept.
  shared.journal_updates = rows.empty() ? 0 : rows.back().last_position - base_position();
  if (checkpoints.empty()) return;
  const CheckpointRow& newest = checkpoints.back();
  shared.state_bytes = newest.size_bytes;
  shared.checkpoint_step = newest.step;
  shared.checkpoint_time = absl::ToUnixSeconds(newest.create_time);
}

std::vector<LiveRow> KeptModel::TakeSupersededRows() {
  std::vector<LiveRow> superseded;
  while (!rows.empty() && rows.front().last_position <= base_position()) {
    superseded.push_back(std::move(rows.front()));
    rows.pop_front();
  }
  return superseded;
}

}  // namespace descent::store
