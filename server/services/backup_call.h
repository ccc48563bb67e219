// The Backup RPC: one request, a file in chunks.

#ifndef SERVER_SERVICES_BACKUP_CALL_H_
#define SERVER_SERVICES_BACKUP_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "descent/v1/admin_service.pb.h"
#include "server/models/registry.h"
#include "server/services/call_gate.h"

namespace descent::services {

// Reads the next chunk when the one before has been taken, so the server holds one at a time and
// HTTP/2 sets the pace. The copy is let go when the stream ends, however it does.
grpc::ServerWriteReactor<v1::BackupResponse>* ServeBackup(models::Registry* registry,
                                                          CallGate* gate, const MethodName& name,
                                                          grpc::CallbackServerContext* context,
                                                          const v1::BackupRequest& request);

}  // namespace descent::services

#endif  // SERVER_SERVICES_BACKUP_CALL_H_
