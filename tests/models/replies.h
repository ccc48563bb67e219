// Waiting for the models' answers in tests.

#ifndef TESTS_MODELS_REPLIES_H_
#define TESTS_MODELS_REPLIES_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "core/check.h"
#include "server/models/commands.h"

namespace descent::models {

// An answer that will come. Fails the program if it comes twice, or not within a minute.
template <typename T>
class Pending {
 public:
  Reply<T> reply() {
    return [state = state_](absl::StatusOr<T> outcome) {
      const absl::MutexLock lock(&state->mutex);
      DESCENT_CHECK(!state->outcome.has_value());
      state->outcome = std::move(outcome);
    };
  }

  bool HasCome() const {
    const absl::MutexLock lock(&state_->mutex);
    return state_->outcome.has_value();
  }

  absl::StatusOr<T> Get() {
    const absl::MutexLock lock(&state_->mutex);
    const auto has_come = [this]() { return state_->outcome.has_value(); };
    DESCENT_CHECK(state_->mutex.AwaitWithTimeout(absl::Condition(&has_come), absl::Minutes(1)));
    return *std::exchange(state_->outcome, std::nullopt);
  }

 private:
  struct State {
    absl::Mutex mutex;
    std::optional<absl::StatusOr<T>> outcome;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// Calls start(reply) and waits for the answer.
template <typename T, typename Start>
absl::StatusOr<T> Await(Start start) {
  Pending<T> pending;
  start(pending.reply());
  return pending.Get();
}

// A reply that keeps the thread it comes on until released: holds up a lane, or a reader thread.
class Blocker {
 public:
  ~Blocker() { Release(); }

  template <typename T>
  Reply<T> reply() {
    return [state = state_](const absl::StatusOr<T>& /*outcome*/) {
      state->entered.Notify();
      state->released.WaitForNotification();
    };
  }

  void AwaitEntered() { state_->entered.WaitForNotification(); }

  void Release() {
    if (!state_->released.HasBeenNotified()) state_->released.Notify();
  }

 private:
  struct State {
    absl::Notification entered;
    absl::Notification released;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace descent::models

#endif  // TESTS_MODELS_REPLIES_H_
