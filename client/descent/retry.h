// Trying again what failed for the moment.

#ifndef CLIENT_DESCENT_RETRY_H_
#define CLIENT_DESCENT_RETRY_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace descent::client {

class Connection;

// Of SteadyNow: when a call that begins now and may take so long is to end; never for 0.
absl::Time DeadlineAfter(absl::Duration duration);

// Whether a later attempt may succeed where this one failed, provided that it is safe to repeat:
// the server is away (UNAVAILABLE), asks to be called later (RetryInfo), or went away during the
// call, which a server that stops in a hurry reports as CANCELLED; calls cancelled by this side are
// not to be asked about.
bool IsTransient(const absl::Status& status);

// Runs `attempt`, which must be safe to repeat, until it succeeds or fails for good, with pauses in
// between, as the connection's RetryPolicy has them. A pause is not begun that would not end before
// the deadline (of SteadyNow), and within `give_up_after` of the first failure. Returns the last
// attempt's status.
absl::Status Retry(const Connection& connection, absl::Time deadline,
                   absl::FunctionRef<absl::Status()> attempt);

}  // namespace descent::client

#endif  // CLIENT_DESCENT_RETRY_H_
