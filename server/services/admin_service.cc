#include <grpcpp/server_context.h>

#include <memory>

#include "descent/v1/admin_service.grpc.pb.h"
#include "server/services/backup_call.h"
#include "server/services/services.h"

namespace descent::services {
namespace {

class AdminService final : public v1::AdminService::CallbackService {
 public:
  AdminService(models::Registry* registry, CallGate* gate) : registry_(registry), gate_(gate) {}

  grpc::ServerWriteReactor<v1::BackupResponse>* Backup(grpc::CallbackServerContext* context,
                                                       const v1::BackupRequest* request) override {
    return ServeBackup(registry_, gate_, {kAdminService, "Backup"}, context, *request);
  }

 private:
  models::Registry* const registry_;
  CallGate* const gate_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(models::Registry* registry, CallGate* gate) {
  return std::make_unique<AdminService>(registry, gate);
}

}  // namespace descent::services
