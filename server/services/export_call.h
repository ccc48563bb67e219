// The ExportModel RPC: one request, a file in chunks.

#ifndef SERVER_SERVICES_EXPORT_CALL_H_
#define SERVER_SERVICES_EXPORT_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "server/models/registry/registry.h"
#include "server/services/call_resources.h"
#include "server/services/method_name.h"

namespace descent::services {

// The model of one moment, while its training goes on. The next chunk is made when the one before
// has been taken, so HTTP/2 sets the pace, and a client that takes none for a minute is cut off.
grpc::ServerWriteReactor<grpc::ByteBuffer>* ServeExport(const models::Registry& registry,
                                                        const CallResources& resources,
                                                        const MethodName& name,
                                                        grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer& request);

}  // namespace descent::services

#endif  // SERVER_SERVICES_EXPORT_CALL_H_
