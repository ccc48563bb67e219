// Asking a server whether it takes calls.

#ifndef SERVER_OPS_HEALTH_CHECK_H_
#define SERVER_OPS_HEALTH_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace descent::ops {

// OK when the server at `address` (see endpoint::ParseTarget, which says what is wrong with others)
// says within `timeout` that it is SERVING; otherwise kUnavailable
// with what it says, or why it could not be asked.
absl::Status CheckHealth(const std::string& address, absl::Duration timeout);

}  // namespace descent::ops

#endif  // SERVER_OPS_HEALTH_CHECK_H_
