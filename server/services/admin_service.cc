#include <grpcpp/server_context.h>

#include <memory>

#include "descent/v1/admin_service.grpc.pb.h"
#include "server/services/backup_call.h"
#include "server/services/services.h"

namespace descent::services {
namespace {

// Its method takes and gives bytes, so that nothing is parsed that has not been looked at.
class AdminService final
    : public v1::AdminService::WithRawCallbackMethod_Backup<v1::AdminService::Service> {
 public:
  AdminService(models::Registry* registry, const CallResources& resources)
      : registry_(registry), resources_(resources) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Backup(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request) override {
    return ServeBackup(registry_, resources_, {kAdminService, "Backup"}, context, *request);
  }

 private:
  models::Registry* const registry_;
  const CallResources& resources_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(models::Registry* registry,
                                                const CallResources& resources) {
  return std::make_unique<AdminService>(registry, resources);
}

}  // namespace descent::services
