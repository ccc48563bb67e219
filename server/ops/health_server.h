// The health service alone on a port of its own, in plaintext and for everybody: for probes that
// can show no credentials.

#ifndef SERVER_OPS_HEALTH_SERVER_H_
#define SERVER_OPS_HEALTH_SERVER_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/ops/acceptor.h"
#include "server/ops/health.h"
#include "server/services/call_gate.h"
#include "server/services/call_hooks.h"
#include "server/services/call_resources.h"
#include "server/services/open_streams.h"

namespace grpc {
class Server;
}

namespace descent::ops {

// Thread-safe.
class HealthServer {
 public:
  // Answers for `services`, NOT_SERVING at first. kUnavailable, with the system's reason, when the
  // address (HOST:PORT or unix:PATH) can't be listened on. Everybody is admitted, whatever
  // `hooks` say; what they and `shared` name must outlive it. See Watch for `is_leaving`.
  static absl::StatusOr<std::unique_ptr<HealthServer>> Start(
      const std::string& address, std::vector<std::string> services,
      const services::CallHooks& hooks, const services::CallResources& shared,
      std::shared_ptr<const std::atomic<bool>> is_leaving);
  // Shuts down.
  ~HealthServer();
  HealthServer(const HealthServer&) = delete;
  HealthServer& operator=(const HealthServer&) = delete;

  // With the port that was picked.
  const std::string& address() const { return acceptor_->ports().front().listening.address(); }

  void SetServing(bool serving) { health_.SetServing(serving); }
  // Now and in future.
  void EndWatches() { health_.Shutdown(); }
  // Ends all watches and connections and takes no further calls.
  void Shutdown();

 private:
  HealthServer(Listening port, std::vector<std::string> services, const services::CallHooks& hooks,
               const services::CallResources& shared,
               std::shared_ptr<const std::atomic<bool>> is_leaving);
  absl::Status Begin();

  services::CallGate gate_;
  services::OpenStreams streams_;
  const services::CallResources resources_;
  Health health_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_HEALTH_SERVER_H_
