// A training stream's end of a session, which checks what it is told.

#ifndef TESTS_FUZZ_TRAIN_OBSERVER_H_
#define TESTS_FUZZ_TRAIN_OBSERVER_H_

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/check.h"
#include "server/models/training_session.h"
#include "server/wire/encode.h"
#include "tests/fuzz/checked_answers.h"

namespace descent::fuzz {

class Observer final : public models::TrainObserver {
 public:
  void OnReady(const models::TrainReady& ready) override {
    v1::TrainResponse response;
    wire::Encode(ready, &response);
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(!ready_ && !finished_);
    ready_ = true;
    sequence_ = ready.next_sequence - 1;
  }
  void OnAck(const models::TrainAck& ack) override {
    v1::TrainResponse response;
    wire::Encode(ack, &response);
    CheckAnswer(response);
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(ready_ && !finished_);
    // A batch of before is acknowledged again.
    sequence_ = std::max(sequence_, ack.sequence);
  }
  void OnCapacity() override {}
  void OnFinished(absl::Status status) override {
    if (!status.ok()) CheckFailure(status);
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(!finished_);
    finished_ = true;
  }

  bool AwaitReady() {
    const absl::MutexLock lock(&mutex_);
    const auto is_settled = [this]() { return ready_ || finished_; };
    DESCENT_CHECK(mutex_.AwaitWithTimeout(absl::Condition(&is_settled), absl::Minutes(1)));
    return !finished_;
  }
  void AwaitFinished() {
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(mutex_.AwaitWithTimeout(absl::Condition(&finished_), absl::Minutes(1)));
  }
  bool finished() const {
    const absl::MutexLock lock(&mutex_);
    return finished_;
  }
  std::int64_t sequence() const {
    const absl::MutexLock lock(&mutex_);
    return sequence_;
  }

 private:
  mutable absl::Mutex mutex_;
  bool ready_ = false;
  bool finished_ = false;
  std::int64_t sequence_ = 0;
};

}  // namespace descent::fuzz

#endif  // TESTS_FUZZ_TRAIN_OBSERVER_H_
