// The gRPC server around the services: its port, limits, health and reflection, and its orderly
// end.

#ifndef SERVER_OPS_SERVER_H_
#define SERVER_OPS_SERVER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/models/registry/registry.h"
#include "server/models/work/executor.h"
#include "server/ops/acceptor.h"
#include "server/ops/frame_filter.h"
#include "server/ops/health.h"
#include "server/ops/health_server.h"
#include "server/ops/ticker.h"
#include "server/ops/tls.h"
#include "server/ops/tls_files.h"
#include "server/services/call_gate.h"
#include "server/services/call_hooks.h"
#include "server/services/call_limiter.h"
#include "server/services/call_resources.h"
#include "server/services/message_reader.h"
#include "server/services/open_streams.h"
#include "server/services/services.h"
#include "server/services/unsent_answers.h"
#include "server/services/visitors.h"

namespace grpc {
class Channel;
class Server;
class Service;
}  // namespace grpc

namespace descent::ops {

// What the server has to do with its callers now.
struct ServerUsage {
  bool is_serving = false;  // as health checks are told
  std::size_t connections = 0;
  std::size_t open_streams = 0;
  std::size_t waiting_messages = 0;  // large requests, and answers whose turn has come
  // Until when the certificate that new connections are shown is good; empty without TLS.
  std::optional<absl::Time> certificate_not_after = std::nullopt;
  // See FailedHandshakes.
  std::int64_t failed_handshakes = 0;
};

struct ServerOptions {
  // Each HOST:PORT, or unix:PATH; port 0 picks one. Empty: no port, for InProcessChannel alone.
  std::vector<std::string> listen = {};
  // Certificate and key for the ports, not for Unix sockets. None: plaintext.
  TlsFiles tls = {};
  // HOST:PORT or unix:PATH for the health service alone, in plaintext. Empty: none.
  std::string health = {};
  // Largest message in bytes, each way; larger ones are RESOURCE_EXHAUSTED. Default 64 MiB. Raising
  // it raises what one call may cost.
  std::int64_t max_message_bytes = std::int64_t{64} << 20;
  // Calls in flight on one connection; more wait at the client. Default 256.
  int max_streams_per_connection = 256;
  // Bytes that gRPC may hold in buffers of all connections; beyond it, it slows connections down
  // and drops calls. Default 1 GiB.
  std::size_t transport_memory_bytes = std::size_t{1} << 30;
  // Connections are asked to go after so long, so that clients behind a load balancer spread again.
  // Default: never.
  absl::Duration max_connection_age = absl::InfiniteDuration();
  // Connections at once: when there are more, silent ones are closed. Default 0: as many as the
  // limit of open files allows, at most 16384.
  std::size_t max_connections = 0;
  // What a connection may send of frames that cost the server more than its client.
  FrameLimits frames = {};
  // Streams of all connections: when there are more, silent ones end. Default 8192.
  std::size_t max_streams = 8192;
  // How messages are read, and what answers may wait for their clients.
  services::MessageLimits messages = {};
  services::UnsentLimits unsent = {};
  // What each caller and each connection may have at a time.
  services::CallLimits calls = {};
};

// Thread-safe.
class Server {
 public:
  // A server that answers calls with UNAVAILABLE and health checks with NOT_SERVING until
  // TakeCalls and SetServing. `registry` and what `hooks` name must outlive it; the limiter is the
  // server's own.
  // kUnavailable, with the system's reason, when an address can't be listened on;
  // kInvalidArgument when a file of TLS is not as it should be.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       models::Registry* registry,
                                                       const services::CallHooks& hooks = {});
  // Cancels all calls.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // As asked for, with the ports that were picked.
  std::vector<std::string> addresses() const;
  // The first. Requires that one was asked for.
  std::string address() const { return addresses().front(); }
  // Of the health service alone; empty when none was asked for.
  std::string health_address() const;

  // The ports' encryption; null: none.
  const std::shared_ptr<Tls>& tls() const { return tls_; }

  std::shared_ptr<grpc::Channel> InProcessChannel() const;

  // Of whom calls through that channel may be; see Visitors. Outlives the server where it is held.
  const std::shared_ptr<services::Visitors>& visitors() const { return visitors_; }

  // What callers may have, and how many calls were refused for it.
  const services::CallLimiter& limiter() const { return limiter_; }

  // Answers calls from now on.
  void TakeCalls();
  // Says SERVING to health checks, unless the server drains or has given up.
  void SetServing();
  // What is said to health checks now.
  bool IsServing() const;
  // Says NOT_SERVING from now on, though calls are answered: somebody has to start it again.
  void GiveUp();
  // TakeCalls and SetServing.
  void StartServing();

  // At any time.
  ServerUsage Usage() const;

  // Ends the server in good order: says NOT_SERVING, asks clients to go (goodbye.h), refuses new
  // calls with UNAVAILABLE, lets the calls it holds finish (training streams apply and acknowledge
  // what they have sent) until `deadline`, and cancels the rest. False if there was such a rest.
  // The deadline is a time of day, of which it counts how long that is from now.
  bool Drain(absl::Time deadline);

 private:
  Server(const ServerOptions& options, models::Registry* registry,
         const services::CallHooks& hooks);
  absl::Status Listen(const ServerOptions& options, const services::CallHooks& hooks);
  // Takes no more connections, waits until none is left, or the deadline, and ends the others.
  void LetCallersGo(absl::Time deadline) const;
  void TellHealth(bool serving) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  models::Registry* const registry_;
  services::CallLimiter limiter_;
  const std::shared_ptr<services::Visitors> visitors_ = std::make_shared<services::Visitors>();
  services::CallGate gate_;
  models::Executor messages_;  // reads large requests, and begins answers whose turn has come
  services::MessageReader reader_;
  services::UnsentAnswers unsent_;
  services::OpenStreams streams_;
  std::atomic<bool> serving_ = false;  // changed under the mutex
  // Callers are asked to go from now on.
  const std::shared_ptr<std::atomic<bool>> is_leaving_ = std::make_shared<std::atomic<bool>>(false);
  const services::CallResources resources_;
  const std::vector<services::NamedService> services_;
  Health health_;
  const std::vector<std::unique_ptr<grpc::Service>> reflection_services_;
  mutable absl::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool given_up_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Tls> tls_;  // null: plaintext
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;           // null without a port
  std::unique_ptr<HealthServer> health_server_;  // null without its port
  std::unique_ptr<Ticker> ticker_;               // ends before what it looks after
};

}  // namespace descent::ops

#endif  // SERVER_OPS_SERVER_H_
