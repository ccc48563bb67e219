// Errors of the engine and the server as gRPC sends them.

#ifndef SERVER_WIRE_STATUS_H_
#define SERVER_WIRE_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace descent::wire {

// The domain of every google.rpc.ErrorInfo.
inline constexpr char kErrorDomain[] = "descent.v1";

// The same code and message, with what core/error.h put into `status` as google.rpc details:
//
//   ErrorInfo   always: the reason (the code's name where none was given), and the metadata with
//               the field, if there is one, as "field"
//   BadRequest  one violation for the field, if there is one
//   RetryInfo   the delay, if there is one
//
// Messages and values are cut short so that everything fits into the 8 KiB of metadata that clients
// accept by default.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace descent::wire

#endif  // SERVER_WIRE_STATUS_H_
