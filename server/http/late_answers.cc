#include "server/http/late_answers.h"

#include <utility>

namespace descent::http {

bool LateAnswers::MayAwait() const {
  const absl::MutexLock lock(&mutex_);
  return awaited_.size() < most_;
}

Later LateAnswers::Await(std::function<void(Later::Make)> deliver) {
  const absl::MutexLock lock(&mutex_);
  const std::uint64_t id = ++last_;
  if (!closed_) awaited_.emplace(id, std::move(deliver));
  return Later(
      [self = shared_from_this(), id](Later::Make make) { self->Deliver(id, std::move(make)); });
}

void LateAnswers::Deliver(std::uint64_t id, Later::Make make) {
  const absl::MutexLock lock(&mutex_);
  const auto found = awaited_.find(id);
  if (found == awaited_.end()) return;
  // Whoever closes waits for this, so that it finds the port there.
  found->second(std::move(make));
  awaited_.erase(found);
}

void LateAnswers::Close() {
  decltype(awaited_) dropped;  // what it holds goes without the lock
  const absl::MutexLock lock(&mutex_);
  closed_ = true;
  dropped.swap(awaited_);
}

}  // namespace descent::http
