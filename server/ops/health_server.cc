#include "server/ops/health_server.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "clock/steady.h"
#include "core/status_macros.h"

namespace descent::ops {
namespace {

// Probes are few and small.
constexpr std::size_t kMostHealthConnections = 64;
constexpr std::size_t kMostWatches = 64;
constexpr int kMostMessageBytes = 64 << 10;
constexpr std::size_t kTransportBytes = 16 << 20;
constexpr int kStreamsPerConnection = 16;
constexpr absl::Duration kGrace = absl::Seconds(1);

services::CallResources WithOwn(services::CallGate* gate, services::OpenStreams* streams,
                                services::CallResources shared) {
  shared.gate = gate;
  shared.streams = streams;
  return shared;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HealthServer>> HealthServer::Start(
    const std::string& address, std::vector<std::string> services, const services::CallHooks& hooks,
    const services::CallResources& shared, std::shared_ptr<const std::atomic<bool>> is_leaving) {
  ASSIGN_OR_RETURN(Listening port, Listening::At(address));
  std::unique_ptr<HealthServer> server(
      new HealthServer(std::move(port), std::move(services), hooks, shared, std::move(is_leaving)));
  RETURN_IF_ERROR(server->Begin());
  return server;
}

HealthServer::HealthServer(Listening port, std::vector<std::string> services,
                           const services::CallHooks& hooks, const services::CallResources& shared,
                           std::shared_ptr<const std::atomic<bool>> is_leaving)
    : gate_({.observers = hooks.observers, .messages = hooks.messages}),
      streams_(kMostWatches),
      resources_(WithOwn(&gate_, &streams_, shared)),
      health_(std::move(services), resources_) {
  std::vector<Acceptor::Port> ports;
  ports.push_back({.listening = std::move(port)});
  acceptor_ = std::make_unique<Acceptor>(std::move(ports), kMostHealthConnections,
                                         Watch{.is_leaving = std::move(is_leaving)});
}

HealthServer::~HealthServer() { Shutdown(); }

absl::Status HealthServer::Begin() {
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMostMessageBytes);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnection);
  builder.SetResourceQuota(grpc::ResourceQuota("health").Resize(kTransportBytes));
  builder.RegisterService(health_.service());
  std::vector<std::unique_ptr<Acceptor::ExternalConnectionAcceptor>> servers;
  servers.push_back(builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials()));
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return absl::UnavailableError("gRPC cannot start a server");
  acceptor_->Start(std::move(servers));
  return absl::OkStatus();
}

void HealthServer::Shutdown() {
  health_.Shutdown();
  acceptor_->Stop();
  acceptor_->EndConnections();  // see Server::LetCallersGo
  if (server_ == nullptr) return;
  server_->Shutdown(ToSystemClock(SteadyNow() + kGrace));
  server_->Wait();
}

}  // namespace descent::ops
