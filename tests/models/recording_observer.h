// The stream's end of a training session, for tests.

#ifndef TESTS_MODELS_RECORDING_OBSERVER_H_
#define TESTS_MODELS_RECORDING_OBSERVER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/check.h"
#include "server/models/training_session.h"

namespace descent::models {

// Remembers what it was told, and fails the program when it is told out of order.
class RecordingObserver final : public TrainObserver {
 public:
  void OnReady(const TrainReady& ready) override {
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(!ready_.has_value() && !finished_.has_value());
    ready_ = ready;
    ++capacity_;
  }
  void OnAck(const TrainAck& ack) override {
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(ready_.has_value() && !finished_.has_value());
    acks_.push_back(ack);
  }
  void OnCapacity() override {
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(ready_.has_value());
    ++capacity_;
  }
  void OnFinished(absl::Status status) override {
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(!finished_.has_value());
    finished_ = std::move(status);
  }

  TrainReady AwaitReady() {
    const absl::MutexLock lock(&mutex_);
    Wait([this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return ready_.has_value(); });
    return *ready_;
  }

  // Waits until the session may take a batch, or is over: then false.
  bool AwaitCapacity() {
    const absl::MutexLock lock(&mutex_);
    Wait([this]()
             ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return capacity_ > 0 || finished_.has_value(); });
    if (finished_.has_value()) return false;
    DESCENT_CHECK(capacity_ == 1);
    capacity_ = 0;
    return true;
  }

  // What Submit returned.
  void SetCapacity(bool has_capacity) {
    const absl::MutexLock lock(&mutex_);
    if (has_capacity) ++capacity_;
  }

  absl::Status AwaitFinished() {
    const absl::MutexLock lock(&mutex_);
    Wait([this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return finished_.has_value(); });
    return *finished_;
  }

  bool IsFinished() const {
    const absl::MutexLock lock(&mutex_);
    return finished_.has_value();
  }

  // Waits for an ack of that sequence or a later one.
  void AwaitAck(std::int64_t sequence) {
    const absl::MutexLock lock(&mutex_);
    Wait([this, sequence]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return !acks_.empty() && acks_.back().sequence >= sequence;
    });
  }

  std::vector<TrainAck> acks() const {
    const absl::MutexLock lock(&mutex_);
    return acks_;
  }

 private:
  template <typename Condition>
  void Wait(Condition condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    DESCENT_CHECK(mutex_.AwaitWithTimeout(absl::Condition(&condition), absl::Minutes(1)));
  }

  mutable absl::Mutex mutex_;
  std::optional<TrainReady> ready_ ABSL_GUARDED_BY(mutex_);
  int capacity_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<TrainAck> acks_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> finished_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::models

#endif  // TESTS_MODELS_RECORDING_OBSERVER_H_
