// Where a server listens and where it is reached, as people write it.
//
// What gRPC can't use it answers late or not at all: a target without a port is looked for at
// port 443, `http://…` is resolved as a name until the deadline. So targets are looked at first.

#ifndef ENDPOINT_ENDPOINT_H_
#define ENDPOINT_ENDPOINT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace descent::endpoint {

// A place to connect to.
struct Target {
  std::string name;  // as gRPC takes it
  // Name or address, an IPv6 one without brackets; empty for a Unix socket, and for what only gRPC
  // can resolve (`xds:`).
  std::string host;
  // On this machine: 127.0.0.0/8, ::1, the addresses that stand for all of a machine's own,
  // localhost and names below it, a Unix socket.
  bool is_loopback = false;
};

// Takes HOST:PORT with a port from 1 to 65535 (an IPv6 address in brackets), `unix:PATH`,
// `unix:///PATH`, `unix-abstract:NAME`, and gRPC's names: `dns:HOST:PORT` and
// `dns://SERVER/HOST:PORT`, `ipv4:` and `ipv6:` with addresses separated by commas, `xds:`.
// INVALID_ARGUMENT with what is wrong and how it is written, for anything else.
absl::StatusOr<Target> ParseTarget(absl::string_view text);

// Whether a server can be told to listen there: HOST:PORT with a port from 0 (which picks one) to
// 65535, or `unix:PATH`. INVALID_ARGUMENT as above.
absl::Status CheckListenAddress(absl::string_view text);

// Whether only this machine's programs reach a server that listens at a valid `address`: a loopback
// address, a Unix socket.
bool IsOnlyLocal(absl::string_view address);

// The path of `unix:PATH` or `unix:///PATH`; empty if it is none of these.
absl::string_view UnixPath(absl::string_view text);

// The target that reaches a server which listens at a valid `address`, from the same machine.
std::string ReachableAddress(absl::string_view address);

}  // namespace descent::endpoint

#endif  // ENDPOINT_ENDPOINT_H_
