// The growing, jittered pauses between attempts (RetryPolicy tells how).

#ifndef CLIENT_DESCENT_BACKOFF_H_
#define CLIENT_DESCENT_BACKOFF_H_

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/descent/options.h"

namespace descent::client {

class Backoff {
 public:
  explicit Backoff(const RetryPolicy& policy) : policy_(policy), ceiling_(policy.initial_backoff) {}

  // The pause after one more failure, at least as long as the failure itself asks for.
  absl::Duration Next(const absl::Status& failure);

  // After a success: the next pause is short again.
  void Reset() { ceiling_ = policy_.initial_backoff; }

 private:
  const RetryPolicy policy_;
  absl::Duration ceiling_;  // of the next pause
  absl::BitGen random_;
};

}  // namespace descent::client

#endif  // CLIENT_DESCENT_BACKOFF_H_
