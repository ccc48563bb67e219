// The Train RPC: batches in, acknowledgements out.

#ifndef SERVER_SERVICES_TRAIN_CALL_H_
#define SERVER_SERVICES_TRAIN_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "server/models/registry/registry.h"
#include "server/services/call_resources.h"
#include "server/services/method_name.h"

namespace descent::services {

// Adapts one stream to a models::TrainingSession. The stream is read while the session has room in
// its window and the client takes its acknowledgements; otherwise HTTP/2 slows the client down.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ServeTrain(
    const models::Registry& registry, const CallResources& resources, const MethodName& name,
    grpc::CallbackServerContext* context);

}  // namespace descent::services

#endif  // SERVER_SERVICES_TRAIN_CALL_H_
