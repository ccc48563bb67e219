// The Evaluate RPC: batches in, one answer at the end.

#ifndef SERVER_SERVICES_EVALUATE_CALL_H_
#define SERVER_SERVICES_EVALUATE_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "server/models/registry/registry.h"
#include "server/services/call_resources.h"
#include "server/services/method_name.h"

namespace descent::services {

// Reads the next batch when the one before has been computed, so the server holds one at a time and
// the client is slowed down by HTTP/2.
grpc::ServerReadReactor<grpc::ByteBuffer>* ServeEvaluate(const models::Registry& registry,
                                                         const CallResources& resources,
                                                         const MethodName& name,
                                                         grpc::CallbackServerContext* context,
                                                         grpc::ByteBuffer* response);

}  // namespace descent::services

#endif  // SERVER_SERVICES_EVALUATE_CALL_H_
