#include "server/ops/server.h"

#include <grpcpp/impl/service_type.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "clock/steady.h"
#include "core/status_macros.h"
#include "endpoint/endpoint.h"
#include "server/ops/reflection.h"
#include "server/ops/watched_tls.h"

namespace descent::ops {
namespace {

// A peer that has not been heard of for a minute is asked for a sign of life, and given up when
// there is none in 20 s: its training sessions are free to go on elsewhere.
constexpr absl::Duration kKeepalive = absl::Minutes(1);
constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(20);
// Clients may ask the same of us, this often.
constexpr absl::Duration kMinPingInterval = absl::Seconds(10);

// How long calls have to take note of their cancellation.
constexpr absl::Duration kCancelGrace = absl::Seconds(1);

// How long callers have to call again, and be asked to go with the answer; and how often it is
// looked whether they have gone.
constexpr absl::Duration kGoing = absl::Milliseconds(100);
constexpr absl::Duration kLook = absl::Milliseconds(2);

// How often it is looked whether clients take their answers.
constexpr absl::Duration kWatchInterval = absl::Milliseconds(500);

// Half of the cores, so that large messages leave the other half to everybody else.
int MessageThreads() {
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency() / 2));
}

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(
      std::min<std::int64_t>(absl::ToInt64Milliseconds(duration), std::numeric_limits<int>::max()));
}

std::vector<std::string> NamesOf(const std::vector<services::NamedService>& services,
                                 std::vector<std::string> others = {}) {
  std::vector<std::string> names;
  for (const auto& [name, service] : services) names.push_back(name);
  names.insert(names.end(), others.begin(), others.end());
  return names;
}

void SetLimits(const ServerOptions& options, grpc::ServerBuilder* builder) {
  // Half of a message's limit would do, but the two directions are one number to users.
  builder->SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  builder->SetMaxSendMessageSize(static_cast<int>(options.max_message_bytes));
  // gRPC checks a message's size before it decompresses it, so a small one could unfold without
  // limit: compressed messages are refused, with UNIMPLEMENTED, as gRPC has it.
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder->AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);

  grpc::ResourceQuota quota("descentd");
  quota.Resize(options.transport_memory_bytes);
  builder->SetResourceQuota(quota);

  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams_per_connection);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(kKeepalive));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(kKeepaliveTimeout));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              Milliseconds(kMinPingInterval));
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                              Milliseconds(options.max_connection_age));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      models::Registry* registry,
                                                      const services::CallHooks& hooks) {
  std::unique_ptr<Server> server(new Server(options, registry, hooks));
  RETURN_IF_ERROR(server->Listen(options, hooks));
  return server;
}

Server::Server(const ServerOptions& options, models::Registry* registry,
               const services::CallHooks& hooks)
    : registry_(registry),
      limiter_(options.calls),
      gate_({.observers = hooks.observers,
             .admission = hooks.admission,
             .limiter = &limiter_,
             .messages = hooks.messages,
             .visitors = visitors_.get()}),
      messages_("messages", MessageThreads()),
      reader_(options.messages, registry->memory(), &messages_),
      unsent_(options.unsent, registry->memory(), &messages_),
      streams_(options.max_streams),
      resources_{.gate = &gate_,
                 .executor = &messages_,
                 .memory = registry->memory().get(),
                 .reader = &reader_,
                 .unsent = &unsent_,
                 .streams = &streams_,
                 .serving = &serving_},
      services_(services::MakeServices(registry, resources_)),
      health_(NamesOf(services_), resources_),
      reflection_services_(
          MakeReflectionServices(NamesOf(services_, {kHealthService}), resources_)) {}

Server::~Server() {
  if (server_ != nullptr) Drain(absl::InfinitePast());
}

absl::Status Server::Listen(const ServerOptions& options, const services::CallHooks& hooks) {
  const Watch watch{.frames = options.frames, .is_leaving = is_leaving_};
  grpc::ServerBuilder builder;
  SetLimits(options, &builder);
  for (const auto& [name, service] : services_) builder.RegisterService(service.get());
  builder.RegisterService(health_.service());
  for (const auto& service : reflection_services_) builder.RegisterService(service.get());
  if (options.tls.given()) {
    // Who has no certificate may have a token.
    ASSIGN_OR_RETURN(
        tls_, Tls::Load(options.tls, hooks.admission == nullptr ? ClientCertificates::kRequired
                                                                : ClientCertificates::kOptional));
    WatchTls(watch);
  }
  std::vector<Acceptor::Port> ports;
  std::vector<std::unique_ptr<Acceptor::ExternalConnectionAcceptor>> connections;
  for (const std::string& address : options.listen) {
    ASSIGN_OR_RETURN(Listening port, Listening::At(address));
    const bool encrypted = tls_ != nullptr && endpoint::UnixPath(address).empty();
    ports.push_back({.listening = std::move(port), .encrypted = encrypted});
    connections.push_back(builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        encrypted ? tls_->MakeCredentials() : grpc::InsecureServerCredentials()));
  }
  if (!options.health.empty()) {
    ASSIGN_OR_RETURN(health_server_, HealthServer::Start(options.health, NamesOf(services_), hooks,
                                                         resources_, is_leaving_));
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return absl::UnavailableError("gRPC cannot start a server");
  if (!ports.empty()) {
    acceptor_ = std::make_unique<Acceptor>(std::move(ports), options.max_connections, watch);
    acceptor_->Start(std::move(connections));
  }
  ticker_ = std::make_unique<Ticker>("watch", kWatchInterval, [this] {
    unsent_.CancelStalled(SteadyNow());
    if (tls_ != nullptr) tls_->Refresh();
  });
  return absl::OkStatus();
}

std::vector<std::string> Server::addresses() const {
  std::vector<std::string> addresses;
  if (acceptor_ == nullptr) return addresses;
  for (const Acceptor::Port& port : acceptor_->ports()) {
    addresses.push_back(port.listening.address());
  }
  return addresses;
}

std::string Server::health_address() const {
  return health_server_ == nullptr ? "" : health_server_->address();
}

std::shared_ptr<grpc::Channel> Server::InProcessChannel() const {
  // What may be sent may be taken.
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  return server_->InProcessChannel(arguments);
}

void Server::TakeCalls() { gate_.Open(); }

void Server::SetServing() {
  const absl::MutexLock lock(&mutex_);
  if (!draining_ && !given_up_) TellHealth(true);
}

bool Server::IsServing() const { return serving_; }

ServerUsage Server::Usage() const {
  ServerUsage usage{.is_serving = IsServing(),
                    .connections = acceptor_ == nullptr ? 0 : acceptor_->connections(),
                    .open_streams = streams_.size(),
                    .waiting_messages = messages_.waiting()};
  if (tls_ != nullptr) usage.certificate_not_after = tls_->not_after();
  usage.failed_handshakes = FailedHandshakes();
  return usage;
}

void Server::TellHealth(bool serving) {
  serving_ = serving;
  health_.SetServing(serving);
  if (health_server_ != nullptr) health_server_->SetServing(serving);
}

void Server::GiveUp() {
  const absl::MutexLock lock(&mutex_);
  given_up_ = true;
  TellHealth(false);
}

void Server::StartServing() {
  TakeCalls();
  SetServing();
}

void Server::LetCallersGo(absl::Time deadline) const {
  if (acceptor_ == nullptr) return;
  acceptor_->StopListening();
  while (acceptor_->connections() > 0 && SteadyNow() < deadline) absl::SleepFor(kLook);
  // gRPC would end a call that comes from now on with CANCELLED, which clients do not repeat. Who
  // finds the connection closed has UNAVAILABLE instead.
  acceptor_->Stop();
  acceptor_->EndConnections();
}

bool Server::Drain(absl::Time deadline) {
  const absl::Time steady_deadline = ToSteady(deadline);
  {
    const absl::MutexLock lock(&mutex_);
    draining_ = true;
    TellHealth(false);
  }
  gate_.Close();
  *is_leaving_ = true;
  const bool applied = registry_->Drain(steady_deadline).ok();
  const bool finished = gate_.AwaitNoCalls(steady_deadline) && applied;
  health_.Shutdown();
  if (health_server_ != nullptr) health_server_->EndWatches();
  if (finished) LetCallersGo(std::min(steady_deadline, SteadyNow() + kGoing));
  if (health_server_ != nullptr) health_server_->Shutdown();
  if (acceptor_ != nullptr) acceptor_->Stop();
  visitors_->Close();
  server_->Shutdown(ToSystemClock(SteadyNow() + (finished ? kCancelGrace : absl::ZeroDuration())));
  server_->Wait();
  return finished;
}

}  // namespace descent::ops
