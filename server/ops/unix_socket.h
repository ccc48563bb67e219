// A server's socket in the file system.

#ifndef SERVER_OPS_UNIX_SOCKET_H_
#define SERVER_OPS_UNIX_SOCKET_H_

#include <string>

#include "absl/status/status.h"

namespace descent::ops {

// Whether a server can listen at `path`: kUnavailable, saying why, where another one does, where
// something else is, or where none can be made. gRPC would take the place of whatever is there. A
// socket that nobody listens at, such as a crash leaves, is in nobody's way.
absl::Status CheckUnixSocket(const std::string& path);

}  // namespace descent::ops

#endif  // SERVER_OPS_UNIX_SOCKET_H_
