// The standard health service, grpc.health.v1.Health: who asks learns whether the server, or one of
// its services, takes calls. gRPC's own answers SERVING from its first moment on, so it is not
// used.

#ifndef SERVER_OPS_HEALTH_H_
#define SERVER_OPS_HEALTH_H_

#include <memory>
#include <string>
#include <vector>

#include "server/services/call_resources.h"

namespace grpc {
class Service;
}

namespace descent::ops {

// As reflection knows it.
inline constexpr char kHealthService[] = "grpc.health.v1.Health";

// Thread-safe.
class Health {
 public:
  // Answers for the server as a whole, which is called "", and for `services`, all NOT_SERVING at
  // first and always alike. Other names are NOT_FOUND to Check and SERVICE_UNKNOWN to Watch.
  // A watch is one of the open streams of `resources`, which must outlive this.
  Health(std::vector<std::string> services, const services::CallResources& resources);
  ~Health();
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  // To be registered with a server that does not outlive this.
  grpc::Service* service();

  // Tells everybody who watches.
  void SetServing(bool serving);

  // Ends all watches, now and in future, so that they do not hold up the server's end.
  void Shutdown();

 private:
  class Service;
  const std::unique_ptr<Service> service_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_HEALTH_H_
