#include "client/descent/retry.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "client/descent/backoff.h"
#include "client/descent/connection.h"
#include "client/descent/error.h"

namespace descent::client {

bool IsTransient(const absl::Status& status) {
  if (status.ok()) return false;
  return absl::IsUnavailable(status) || absl::IsCancelled(status) ||
         GetErrorDetails(status).retry_delay.has_value();
}

absl::Status Retry(const Connection& connection, absl::Time deadline,
                   absl::FunctionRef<absl::Status()> attempt) {
  const RetryPolicy& policy = connection.options().retry;
  Backoff backoff(policy);
  absl::Time end = absl::InfiniteFuture();
  while (true) {
    absl::Status status = attempt();
    if (!IsTransient(status)) return status;
    const absl::Time now = absl::Now();
    if (end == absl::InfiniteFuture()) end = std::min(deadline, now + policy.give_up_after);
    const absl::Duration pause = backoff.Next(status);
    if (now + pause >= end) return status;
    connection.Pause(now + pause);
  }
}

}  // namespace descent::client
