#include "server/store/sqlite/found_models.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/store/errors.h"

namespace descent::store {
namespace {

// The damage that a row without a right checksum is to the model it belongs to.
absl::Status RowDamage(const char* table, std::int64_t id) {
  return StoredStateDamaged(
      absl::StrCat("table ", table, ", row ", id, ": its checksum does not match"));
}

}  // namespace

absl::StatusOr<FoundModels> FindModels(StoreParts* parts) {
  ASSIGN_OR_RETURN(const std::vector<ModelRow> rows, parts->models.ReadAll());
  FoundModels result;
  std::vector<FoundModel>& models = result.models;
  std::map<std::int64_t, std::size_t> by_id;
  std::vector<std::int64_t> ids;
  for (const ModelRow& row : rows) {
    if (!models.empty() && models.back().model->row.name == row.name) {
      return StoredStateDamaged(absl::StrCat("two models are named \"", row.name, "\""));
    }
    by_id[row.id] = models.size();
    ids.push_back(row.id);
    FoundModel& found = models.emplace_back();
    found.model = std::make_shared<KeptModel>();
    found.model->row = row;
    found.model->kept = true;
  }

  ASSIGN_OR_RETURN(const std::vector<FoundCheckpoint> checkpoints, parts->checkpoints.ReadAll(ids));
  for (const FoundCheckpoint& checkpoint : checkpoints) {
    const auto owner = by_id.find(checkpoint.row.model_id);
    if (!checkpoint.intact) {
      absl::Status damage = RowDamage("checkpoints", checkpoint.row.id);
      if (owner == by_id.end()) return damage;
      models[owner->second].damage.Update(damage);
    } else if (owner != by_id.end()) {
      models[owner->second].model->checkpoints.push_back(checkpoint.row);
    } else {
      result.ownerless_checkpoints.push_back(checkpoint.row.id);
    }
  }

  ASSIGN_OR_RETURN(std::vector<FoundJournalRow> journal, parts->journal.ReadAll(ids));
  for (const JournalRow& row : parts->log->Rows()) {
    journal.push_back({.row = row, .intact = true});
  }
  std::sort(journal.begin(), journal.end(),
            [](const auto& a, const auto& b) { return a.row.id < b.row.id; });
  for (const FoundJournalRow& row : journal) {
    const auto owner = by_id.find(row.row.model_id);
    if (!row.intact) {
      absl::Status damage = RowDamage("journal", row.row.id);
      if (owner == by_id.end()) return damage;
      models[owner->second].damage.Update(damage);
    } else if (owner != by_id.end()) {
      models[owner->second].rows.push_back(row.row);
    } else {
      result.ownerless_rows.push_back(LiveRowOf(row.row));
    }
  }
  return result;
}

absl::Status ThrowAwayRemains(const FoundModels& found, StoreParts* parts) {
  std::set<std::int64_t> checkpoints(found.ownerless_checkpoints.begin(),
                                     found.ownerless_checkpoints.end());
  for (const FoundModel& model : found.models) {
    // Nothing is deleted that may belong to a damaged row.
    if (!model.damage.ok()) return absl::OkStatus();
    for (const CheckpointRow& row : model.model->checkpoints) checkpoints.insert(row.id);
  }
  parts->ThrowAway(found.ownerless_rows);
  parts->trash.AddCheckpoints(found.ownerless_checkpoints);
  ASSIGN_OR_RETURN(const std::vector<std::int64_t> owners, parts->checkpoints.ReadPieceOwners());
  for (const std::int64_t owner : owners) {
    if (!checkpoints.contains(owner)) parts->trash.AddCheckpoints({owner});
  }
  return absl::OkStatus();
}

}  // namespace descent::store
