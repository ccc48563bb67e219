// The standard reflection service, grpc.reflection.v1 and v1alpha: who asks learns which services
// and messages there are. gRPC's own occupies a thread for each of its streams, so a few of them
// that say nothing refuse it to everybody else.

#ifndef SERVER_OPS_REFLECTION_H_
#define SERVER_OPS_REFLECTION_H_

#include <memory>
#include <string>
#include <vector>

#include "server/services/call_resources.h"

namespace grpc {
class Service;
}

namespace descent::ops {

// Their full names.
inline constexpr char kReflectionService[] = "grpc.reflection.v1.ServerReflection";
inline constexpr char kReflectionAlphaService[] = "grpc.reflection.v1alpha.ServerReflection";

// Both versions, to be registered with a server that does not outlive them. `services` are the full
// names of those that clients are told of, beside these two.
std::vector<std::unique_ptr<grpc::Service>> MakeReflectionServices(
    std::vector<std::string> services, const services::CallResources& resources);

}  // namespace descent::ops

#endif  // SERVER_OPS_REFLECTION_H_
