#include "client/descent/retry.h"

#include "absl/time/clock.h"
#include "client/descent/backoff.h"
#include "client/descent/error.h"

namespace descent::client {

bool IsTransient(const absl::Status& status) {
  if (status.ok()) return false;
  return absl::IsUnavailable(status) || absl::IsCancelled(status) ||
         GetErrorDetails(status).retry_delay.has_value();
}

absl::Status Retry(const RetryPolicy& policy, absl::Time deadline,
                   absl::FunctionRef<absl::Status()> attempt) {
  Backoff backoff(policy);
  for (int attempts = 1;; ++attempts) {
    absl::Status status = attempt();
    if (!IsTransient(status) || attempts >= policy.max_attempts) return status;
    const absl::Duration pause = backoff.Next(status);
    if (absl::Now() + pause >= deadline) return status;
    absl::SleepFor(pause);
  }
}

}  // namespace descent::client
