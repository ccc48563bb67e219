#include "server/store/sqlite/history_writer.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "core/status_macros.h"

namespace descent::store {
namespace {

constexpr absl::Duration kWriteInterval = absl::Seconds(1);
constexpr absl::Duration kPruneInterval = absl::Hours(1);

}  // namespace

void HistoryWriter::Add(std::int64_t model_id, const UpdateRecord& record) {
  const std::int64_t second = absl::ToUnixSeconds(record.time);
  Second& current = current_[model_id];
  if (current.second != second) {
    if (current.summary.records > 0) writing_.emplace_back(model_id, current);
    current = {.second = second, .summary = {}};
  }
  current.summary.Add(record);
}

void HistoryWriter::Add(std::int64_t model_id, EvaluationRecord evaluation) {
  writing_evaluations_.emplace_back(model_id, std::move(evaluation));
}

void HistoryWriter::Forget(std::int64_t model_id) {
  const auto is_of_model = [model_id](const auto& entry) { return entry.first == model_id; };
  current_.erase(model_id);
  last_prune_.erase(model_id);
  std::erase_if(writing_, is_of_model);
  std::erase_if(writing_evaluations_, is_of_model);
}

absl::Time HistoryWriter::due() const {
  if (current_.empty() && writing_.empty() && writing_evaluations_.empty()) {
    return absl::InfiniteFuture();
  }
  return last_write_ + kWriteInterval;
}

absl::Status HistoryWriter::Apply(HistoryTable* table, absl::Time now, Trash* trash) {
  last_write_ = now;
  for (const auto& [model_id, current] : current_) {
    writing_.emplace_back(model_id, current);
    absl::Time& last_prune = last_prune_.try_emplace(model_id, absl::InfinitePast()).first->second;
    if (now - last_prune >= kPruneInterval) {
      last_prune = now;
      trash->AddOldHistory(model_id, absl::Now() - age_);
    }
  }
  current_.clear();
  for (const auto& [model_id, second] : writing_) {
    RETURN_IF_ERROR(table->Add(model_id, second.second, second.summary));
  }
  for (const auto& [model_id, evaluation] : writing_evaluations_) {
    RETURN_IF_ERROR(table->Add(model_id, evaluation));
  }
  return absl::OkStatus();
}

}  // namespace descent::store
