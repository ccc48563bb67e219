#include "server/models/state/publication.h"

#include <algorithm>

#include "server/models/errors.h"

namespace descent::models {

Publication::Publication(std::shared_ptr<const Network> network, ModelSettings settings,
                         absl::Time create_time, Snapshot snapshot, const Progress& progress)
    : name_(settings.name),
      network_(std::move(network)),
      create_time_(create_time),
      snapshot_(std::move(snapshot)),
      progress_(progress),
      settings_(std::make_shared<const ModelSettings>(std::move(settings))) {}

Snapshot Publication::snapshot() const {
  const absl::MutexLock lock(&mutex_);
  return snapshot_;
}

Publication::Progress Publication::progress() const {
  const absl::MutexLock lock(&mutex_);
  return progress_;
}

ModelSettings Publication::settings() const {
  std::shared_ptr<const ModelSettings> settings;
  {
    const absl::MutexLock lock(&mutex_);
    settings = settings_;
  }
  return *settings;
}

ModelInfo Publication::Describe() const {
  Progress progress;
  std::shared_ptr<const ModelSettings> settings;
  {
    const absl::MutexLock lock(&mutex_);
    progress = progress_;
    settings = settings_;
  }
  return {.settings = *settings,
          .step = progress.step,
          .durable_step = progress.durable_step,
          .parameter_count = network_->layout().parameter_count(),
          .create_time = create_time_,
          .update_time = progress.update_time,
          .last_loss = progress.last_loss};
}

void Publication::Publish(Snapshot snapshot, const Progress& progress,
                          std::shared_ptr<const ModelSettings> settings) {
  // What was there before goes after the mutex: giving a snapshot back takes another lock.
  const absl::MutexLock lock(&mutex_);
  std::swap(snapshot_, snapshot);
  progress_ = progress;
  if (settings != nullptr) settings_.swap(settings);
}

void Publication::SetSettings(ModelSettings settings) {
  auto shared = std::make_shared<const ModelSettings>(std::move(settings));
  const absl::MutexLock lock(&mutex_);
  settings_.swap(shared);
}

void Publication::SetDurableStep(std::int64_t step) {
  const absl::MutexLock lock(&mutex_);
  progress_.durable_step = std::max(progress_.durable_step, step);
}

void Publication::Fail(absl::Status status) {
  const absl::MutexLock lock(&mutex_);
  if (failure_.ok()) failure_ = std::move(status);
  failed_.store(true, std::memory_order_release);
}

absl::Status Publication::ReadStatus() const {
  return closed_.load(std::memory_order_acquire) ? ModelNotFound(name_) : absl::OkStatus();
}

absl::Status Publication::WriteStatus() const {
  if (failed_.load(std::memory_order_acquire)) {
    const absl::MutexLock lock(&mutex_);
    return failure_;
  }
  return ReadStatus();
}

}  // namespace descent::models
