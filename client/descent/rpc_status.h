// gRPC's statuses as absl::Status.

#ifndef CLIENT_DESCENT_RPC_STATUS_H_
#define CLIENT_DESCENT_RPC_STATUS_H_

#include "absl/status/status.h"

namespace grpc {
class Status;
}  // namespace grpc

namespace descent::client {

// The same code and message, and each google.rpc detail as the payload of its type's URL, where
// GetErrorDetails finds it. Details that can't be read are left out.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace descent::client

#endif  // CLIENT_DESCENT_RPC_STATUS_H_
