// One unary call, from decoding to status: what all unary RPCs share.

#ifndef SERVER_SERVICES_UNARY_CALL_H_
#define SERVER_SERVICES_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/network.h"
#include "core/status_macros.h"
#include "server/models/commands.h"
#include "server/models/model.h"
#include "server/models/registry.h"
#include "server/services/call_gate.h"
#include "server/wire/decode.h"
#include "server/wire/encode.h"
#include "server/wire/tensor.h"

namespace descent::services {

// How long the caller of `context` waits.
absl::Time DeadlineOf(const grpc::ServerContextBase& context);

// Owns itself; goes when gRPC is done with it. Ends exactly once, by End.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(CallGate* gate, const MethodName& name, grpc::CallbackServerContext* context);

  const absl::Status& admission() const { return pass_.admission(); }
  void set_model(std::string_view model) { pass_.set_model(model); }

  // Deadline and cancellation, for the models.
  models::CallContext context() const { return {DeadlineOf(context_), cancelled_}; }

  // Sends the status, and the response when it is OK. The last call to this object.
  void End(absl::Status status);

  // A reply that fills the response by `encode(outcome)` and ends the call.
  template <typename Outcome, typename Encode>
  models::Reply<Outcome> ReplyWith(Encode encode) {
    return [this, encode = std::move(encode)](absl::StatusOr<Outcome> outcome) mutable {
      if (outcome.ok()) encode(*outcome);
      End(outcome.status());
    };
  }

 private:
  void OnCancel() override { cancelled_->store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }
  // Whether gRPC may call these two where it is, rather than hand them to a thread of its own,
  // which costs a call a wake-up and a switch. They do little and take no lock that a caller of
  // Finish holds. gRPC calls this no part of its interface: without it they come on that thread
  // again.
  bool InternalInlineable() override { return true; }

  const grpc::CallbackServerContext& context_;
  const std::shared_ptr<std::atomic<bool>> cancelled_;
  CallPass pass_;
};

// Runs `begin(call)`, an absl::Status(UnaryCall*). An error ends the call; OK means that a reply
// will.
template <typename Begin>
grpc::ServerUnaryReactor* ServeUnary(CallGate* gate, const MethodName& name,
                                     grpc::CallbackServerContext* context, Begin begin) {
  auto* call = new UnaryCall(gate, name, context);
  absl::Status status = call->admission();
  if (status.ok()) status = begin(call);
  if (!status.ok()) call->End(std::move(status));
  return call;
}

// The same call on any model: what the request decodes against and the answer is encoded with.
template <typename Request>
auto DecodeFor(const models::Model& model, const Request& request) {
  if constexpr (requires { wire::Decode(request); }) {
    return wire::Decode(request);
  } else if constexpr (requires { wire::Decode(request, *model.network()); }) {
    return wire::Decode(request, *model.network());
  } else {
    return wire::Decode(request, model.settings());
  }
}

template <typename Request>
wire::Encoding EncodingFor(const Request& request) {
  if constexpr (requires { request.inputs(); }) {
    return wire::EncodingOf(request.inputs());
  } else {
    return wire::Encoding::kRaw;
  }
}

template <typename Outcome, typename Response>
void EncodeFor(const Network& network, wire::Encoding encoding, const Outcome& outcome,
               Response* response) {
  if constexpr (requires { wire::Encode(outcome, response); }) {
    wire::Encode(outcome, response);
  } else if constexpr (requires { wire::Encode(outcome, encoding, response); }) {
    wire::Encode(outcome, encoding, response);
  } else if constexpr (requires { wire::Encode(outcome, network, response); }) {
    wire::Encode(outcome, network, response);
  } else {
    wire::Encode(outcome, network, encoding, response);
  }
}

// A call that one method of the request's model answers: look up, decode, run, encode, status.
template <typename Request, typename Response, typename Command, typename Outcome>
grpc::ServerUnaryReactor* ServeOnModel(const models::Registry& registry, CallGate* gate,
                                       const MethodName& name, grpc::CallbackServerContext* context,
                                       const Request* request, Response* response,
                                       void (models::Model::*run)(Command, models::CallContext,
                                                                  models::Reply<Outcome>)) {
  return ServeUnary(gate, name, context, [&](UnaryCall* call) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string model_name, wire::ModelName(*request));
    call->set_model(model_name);
    ASSIGN_OR_RETURN(const std::shared_ptr<models::Model> model, registry.Find(model_name));
    ASSIGN_OR_RETURN(Command command, DecodeFor(*model, *request));
    auto encode = [network = model->network(), encoding = EncodingFor(*request), response](
                      const Outcome& outcome) { EncodeFor(*network, encoding, outcome, response); };
    ((*model).*run)(std::move(command), call->context(),
                    call->ReplyWith<Outcome>(std::move(encode)));
    return absl::OkStatus();
  });
}

}  // namespace descent::services

#endif  // SERVER_SERVICES_UNARY_CALL_H_
