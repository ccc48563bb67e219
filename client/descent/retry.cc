#include "client/descent/retry.h"

#include <algorithm>
#include <utility>

#include "client/descent/backoff.h"
#include "client/descent/connection.h"
#include "client/descent/error.h"
#include "clock/steady.h"

namespace descent::client {

absl::Time DeadlineAfter(absl::Duration duration) {
  return duration > absl::ZeroDuration() ? SteadyNow() + duration : absl::InfiniteFuture();
}

bool IsTransient(const absl::Status& status) {
  if (status.ok()) return false;
  return absl::IsUnavailable(status) || absl::IsCancelled(status) ||
         GetErrorDetails(status).retry_delay.has_value();
}

absl::Status Retry(const Connection& connection, absl::Time deadline,
                   absl::FunctionRef<absl::Status()> attempt) {
  const RetryPolicy& policy = connection.options().retry;
  Backoff backoff(policy);
  absl::Time first_failure = absl::InfiniteFuture();
  while (true) {
    absl::Status status = attempt();
    if (!IsTransient(status)) return status;
    const absl::Time now = SteadyNow();
    first_failure = std::min(first_failure, now);
    const absl::Duration pause = backoff.Next(status);
    if (now + pause >= std::min(deadline, first_failure + policy.give_up_after)) {
      return connection.Explain(std::move(status));
    }
    connection.NoteRetry(status, now - first_failure);
    connection.Pause(now + pause);
  }
}

}  // namespace descent::client
