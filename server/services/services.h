// The gRPC services of the wire contract. They only adapt: each call is decoded, handed to the
// models, and its outcome encoded, on gRPC's few callback threads, which never wait.

#ifndef SERVER_SERVICES_SERVICES_H_
#define SERVER_SERVICES_SERVICES_H_

#include <memory>
#include <string>
#include <vector>

#include "server/models/registry/registry.h"
#include "server/services/call_resources.h"

namespace grpc {
class Service;
}

namespace descent::services {

// A service with its full name, as health checks and reflection know it.
struct NamedService {
  std::string name;
  std::unique_ptr<grpc::Service> service;
};

// All of them. `registry` and `resources` must outlive the services and the server they are
// registered with.
std::vector<NamedService> MakeServices(models::Registry* registry, const CallResources& resources);

// One by one, for that list.

inline constexpr char kModelService[] = "descent.v1.ModelService";
inline constexpr char kNetworkService[] = "descent.v1.NetworkService";
inline constexpr char kAdminService[] = "descent.v1.AdminService";
inline constexpr char kInferenceService[] = "inference.GRPCInferenceService";

std::unique_ptr<grpc::Service> MakeModelService(models::Registry* registry,
                                                const CallResources& resources);
std::unique_ptr<grpc::Service> MakeNetworkService(models::Registry* registry,
                                                  const CallResources& resources);
std::unique_ptr<grpc::Service> MakeAdminService(models::Registry* registry,
                                                const CallResources& resources);
std::unique_ptr<grpc::Service> MakeInferenceService(models::Registry* registry,
                                                    const CallResources& resources);

}  // namespace descent::services

#endif  // SERVER_SERVICES_SERVICES_H_
