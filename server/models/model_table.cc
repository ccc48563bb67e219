#include "server/models/model_table.h"

#include <utility>

#include "server/models/errors.h"

namespace descent::models {

absl::Status ModelTable::Reserve(const std::string& name) {
  const absl::MutexLock lock(&mutex_);
  return models_.try_emplace(name).second ? absl::OkStatus() : ModelExists(name);
}

void ModelTable::Fill(const std::string& name, std::shared_ptr<Model> model) {
  const absl::MutexLock lock(&mutex_);
  models_[name] = std::move(model);
}

absl::StatusOr<std::shared_ptr<Model>> ModelTable::Empty(const std::string& name) {
  const absl::MutexLock lock(&mutex_);
  const auto found = models_.find(name);
  if (found == models_.end() || found->second == nullptr) return ModelNotFound(name);
  return std::exchange(found->second, nullptr);
}

void ModelTable::Release(const std::string& name) {
  const absl::MutexLock lock(&mutex_);
  models_.erase(name);
}

absl::StatusOr<std::shared_ptr<Model>> ModelTable::Find(std::string_view name) const {
  const absl::ReaderMutexLock lock(&mutex_);
  const auto found = models_.find(name);
  if (found == models_.end() || found->second == nullptr) return ModelNotFound(name);
  return found->second;
}

std::vector<std::shared_ptr<Model>> ModelTable::After(const std::string& name,
                                                      std::size_t count) const {
  std::vector<std::shared_ptr<Model>> models;
  const absl::ReaderMutexLock lock(&mutex_);
  for (auto next = models_.upper_bound(name); next != models_.end(); ++next) {
    if (models.size() == count) break;
    if (next->second != nullptr) models.push_back(next->second);
  }
  return models;
}

std::size_t ModelTable::size() const {
  const absl::ReaderMutexLock lock(&mutex_);
  return models_.size();
}

}  // namespace descent::models
