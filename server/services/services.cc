#include "server/services/services.h"

#include <grpcpp/impl/service_type.h>

namespace descent::services {

std::vector<NamedService> MakeServices(models::Registry* registry, const CallResources& resources) {
  std::vector<NamedService> services;
  services.push_back({kModelService, MakeModelService(registry, resources)});
  services.push_back({kNetworkService, MakeNetworkService(registry, resources)});
  services.push_back({kAdminService, MakeAdminService(registry, resources)});
  services.push_back({kInferenceService, MakeInferenceService(registry, resources)});
  return services;
}

}  // namespace descent::services
