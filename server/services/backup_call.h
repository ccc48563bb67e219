// The Backup RPC: one request, a file in chunks.

#ifndef SERVER_SERVICES_BACKUP_CALL_H_
#define SERVER_SERVICES_BACKUP_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "server/models/registry/registry.h"
#include "server/services/call_resources.h"
#include "server/services/method_name.h"

namespace descent::services {

// Reads the next chunk when the one before has been taken, so the server holds one at a time and
// HTTP/2 sets the pace; a client that takes none for a minute is cut off. The copy is let go when
// the stream ends, however it does.
grpc::ServerWriteReactor<grpc::ByteBuffer>* ServeBackup(models::Registry* registry,
                                                        const CallResources& resources,
                                                        const MethodName& name,
                                                        grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer& request);

}  // namespace descent::services

#endif  // SERVER_SERVICES_BACKUP_CALL_H_
