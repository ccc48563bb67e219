#include "server/store/sqlite/kept_model.h"

#include "server/store/sqlite/operation.h"

namespace descent::store {

// Here, where an Operation is known.
KeptModel::KeptModel() = default;
KeptModel::~KeptModel() = default;

std::vector<LiveRow> KeptModel::TakeSupersededRows() {
  std::vector<LiveRow> superseded;
  while (!rows.empty() && rows.front().last_position <= base_position()) {
    superseded.push_back(std::move(rows.front()));
    rows.pop_front();
  }
  return superseded;
}

}  // namespace descent::store
