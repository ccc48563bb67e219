#include "server/models/registry/model_table.h"

#include <limits>
#include <utility>

#include "server/models/errors.h"

namespace descent::models {

absl::Status ModelTable::Missing(std::string_view name, const Entry& entry) {
  return entry.status.ok() ? ModelNotFound(name) : entry.status;
}

absl::Status ModelTable::Reserve(const std::string& name, absl::Status status) {
  const absl::MutexLock lock(&mutex_);
  const auto [entry, is_new] = models_.try_emplace(name);
  if (!is_new) return ModelExists(name);
  entry->second.status = std::move(status);
  return absl::OkStatus();
}

void ModelTable::Fill(const std::string& name, std::shared_ptr<Model> model) {
  // What was there before goes after the mutex.
  const absl::MutexLock lock(&mutex_);
  Entry& entry = models_[name];
  entry.suspended = false;
  entry.model.swap(model);
}

void ModelTable::Quarantine(const std::string& name, absl::Status status,
                            std::unique_ptr<store::Journal> journal) {
  std::shared_ptr<Model> before;
  const absl::MutexLock lock(&mutex_);
  Entry& entry = models_[name];
  entry.model.swap(before);
  entry.status = std::move(status);
  entry.journal.swap(journal);
  entry.suspended = false;
}

void ModelTable::Suspend(const std::string& name, absl::Status status) {
  const absl::MutexLock lock(&mutex_);
  Entry& entry = models_[name];
  entry.status = std::move(status);
  entry.suspended = true;
}

std::vector<std::string> ModelTable::Suspended() const {
  std::vector<std::string> names;
  const absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [name, entry] : models_) {
    if (entry.suspended) names.push_back(name);
  }
  return names;
}

absl::StatusOr<ModelTable::Emptied> ModelTable::Empty(const std::string& name) {
  const absl::MutexLock lock(&mutex_);
  const auto found = models_.find(name);
  if (found == models_.end()) return ModelNotFound(name);
  Entry& entry = found->second;
  if (entry.model == nullptr && entry.journal == nullptr) return Missing(name, entry);
  entry.status = absl::OkStatus();
  return Emptied{std::exchange(entry.model, nullptr), std::exchange(entry.journal, nullptr)};
}

void ModelTable::Release(const std::string& name) {
  const absl::MutexLock lock(&mutex_);
  models_.erase(name);
}

absl::StatusOr<std::shared_ptr<Model>> ModelTable::Find(std::string_view name) const {
  const absl::ReaderMutexLock lock(&mutex_);
  const auto found = models_.find(name);
  if (found == models_.end()) return ModelNotFound(name);
  if (found->second.model == nullptr) return Missing(name, found->second);
  return found->second.model;
}

std::vector<std::shared_ptr<Model>> ModelTable::After(const std::string& name,
                                                      std::size_t count) const {
  std::vector<std::shared_ptr<Model>> models;
  const absl::ReaderMutexLock lock(&mutex_);
  for (auto next = models_.upper_bound(name); next != models_.end(); ++next) {
    if (models.size() == count) break;
    if (next->second.model != nullptr) models.push_back(next->second.model);
  }
  return models;
}

std::vector<std::shared_ptr<Model>> ModelTable::All() const {
  return After("", std::numeric_limits<std::size_t>::max());
}

std::optional<ModelCondition> ModelTable::ConditionOf(const Entry& entry) {
  if (entry.model != nullptr) {
    return entry.model->HasFailed() ? ModelCondition::kFailed : ModelCondition::kServing;
  }
  if (entry.suspended) return ModelCondition::kFailed;
  if (entry.status.ok()) return std::nullopt;
  return absl::IsUnavailable(entry.status) ? ModelCondition::kRecovering
                                           : ModelCondition::kQuarantined;
}

std::vector<ModelTable::Listed> ModelTable::List(
    std::size_t most, absl::FunctionRef<bool(std::string_view)> may_see,
    std::array<std::int64_t, kModelConditions>* by_condition) const {
  std::vector<Listed> listed;
  by_condition->fill(0);
  const absl::ReaderMutexLock lock(&mutex_);
  for (const auto& named : models_) {
    const std::optional<ModelCondition> condition = ConditionOf(named.second);
    if (!condition.has_value() || !may_see(named.first)) continue;
    ++(*by_condition)[static_cast<std::size_t>(condition.value())];
    if (listed.size() < most)
      listed.push_back({named.first, condition.value(), named.second.model});
  }
  return listed;
}

std::size_t ModelTable::size() const {
  const absl::ReaderMutexLock lock(&mutex_);
  return models_.size();
}

}  // namespace descent::models
