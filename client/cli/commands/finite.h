// No number that is not finite is printed: where a server answers one, its answer is an error.

#ifndef CLIENT_CLI_COMMANDS_FINITE_H_
#define CLIENT_CLI_COMMANDS_FINITE_H_

#include <google/protobuf/message.h>

#include "absl/status/status.h"

namespace descent::cli {

// INTERNAL if a number anywhere in the message is not finite, with its name.
absl::Status CheckFinite(const google::protobuf::Message& message);

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_FINITE_H_
