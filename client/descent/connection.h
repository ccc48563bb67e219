// What a client's calls share: the channel, the services' stubs on it and the options.

#ifndef CLIENT_DESCENT_CONNECTION_H_
#define CLIENT_DESCENT_CONNECTION_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/descent/options.h"
#include "descent/v1/admin_service.grpc.pb.h"
#include "descent/v1/model_service.grpc.pb.h"
#include "descent/v1/network_service.grpc.pb.h"

namespace descent::client {

// INVALID_ARGUMENT, naming the option, if one makes no sense.
absl::Status ValidateOptions(const ClientOptions& options);

// A channel to options.target. The options must be valid. Nothing is connected yet.
std::shared_ptr<grpc::Channel> MakeChannel(const ClientOptions& options);

// Thread-safe, as gRPC's channels and stubs are.
class Connection {
 public:
  // `is_network`: the channel is one of MakeChannel's. Others may have no connection to speak of.
  Connection(std::shared_ptr<grpc::Channel> channel, ClientOptions options, bool is_network)
      : options_(std::move(options)),
        is_network_(is_network),
        channel_(std::move(channel)),
        models_(v1::ModelService::NewStub(channel_)),
        networks_(v1::NetworkService::NewStub(channel_)),
        admin_(v1::AdminService::NewStub(channel_)) {}

  const ClientOptions& options() const { return options_; }
  grpc::Channel& channel() const { return *channel_; }
  // Waits until `end` (of SteadyNow), or until `over` says so, which is asked many times a second.
  // A connection that is broken is being made again meanwhile: gRPC goes on with that only while
  // somebody waits for something of the channel, and otherwise looks at it every five seconds.
  void Pause(
      absl::Time end, absl::FunctionRef<bool()> over = [] { return false; }) const;

  // What is told with every call. To be called before it begins; `deadline`, of SteadyNow, may be
  // infinite.
  void Prepare(grpc::ClientContext* context, absl::Time deadline) const;

  // Says to `status`, of a connection that can't be had, which proxy it would go through. Others
  // stay as they are.
  absl::Status Explain(absl::Status status) const;
  // Tells whoever wants to know that something is tried again.
  void NoteRetry(const absl::Status& cause, absl::Duration since) const {
    if (options_.on_retry) options_.on_retry(cause, since);
  }

  v1::ModelService::Stub& models() const { return *models_; }
  v1::NetworkService::Stub& networks() const { return *networks_; }
  v1::AdminService::Stub& admin() const { return *admin_; }

 private:
  const ClientOptions options_;
  const bool is_network_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::ModelService::Stub> models_;
  const std::unique_ptr<v1::NetworkService::Stub> networks_;
  const std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace descent::client

#endif  // CLIENT_DESCENT_CONNECTION_H_
