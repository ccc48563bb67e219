// The ImportModel RPC: a file in chunks, one answer.

#ifndef SERVER_SERVICES_IMPORT_CALL_H_
#define SERVER_SERVICES_IMPORT_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "server/models/registry/registry.h"
#include "server/services/call_resources.h"
#include "server/services/method_name.h"

namespace descent::services {

// The file is kept until it is whole, its bytes counted as they come, and then read and made into a
// model on another thread. A stream that ends before leaves nothing.
grpc::ServerReadReactor<grpc::ByteBuffer>* ServeImport(models::Registry* registry,
                                                       const CallResources& resources,
                                                       const MethodName& name,
                                                       grpc::CallbackServerContext* context,
                                                       grpc::ByteBuffer* response);

}  // namespace descent::services

#endif  // SERVER_SERVICES_IMPORT_CALL_H_
