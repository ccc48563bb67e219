// Calls of the Open Inference Protocol's service on behalf of who came by HTTP. They go through the
// server's own channel, and so past everything that a call passes: admission, limits, logs,
// metrics.

#ifndef SERVER_REST_INFERENCE_CALLS_H_
#define SERVER_REST_INFERENCE_CALLS_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "inference/open_inference.grpc.pb.h"
#include "server/http/route.h"
#include "server/services/visitors.h"

namespace descent::rest {

// Thread-safe.
class InferenceCalls {
 public:
  using Stub = inference::GRPCInferenceService::Stub;

  InferenceCalls(const std::shared_ptr<grpc::Channel>& channel,
                 std::shared_ptr<services::Visitors> visitors)
      : stub_(std::make_shared<Stub>(channel)), visitors_(std::move(visitors)) {}

  // Makes a call for whoever sent `request`, and tells its end on one of gRPC's threads:
  // done(status, response). `held` is let go then.
  template <typename Request, typename Response>
  void Call(void (Stub::async::*method)(grpc::ClientContext*, const Request*, Response*,
                                        std::function<void(grpc::Status)>),
            const http::Request& request, Request message, std::shared_ptr<const void> held,
            std::function<void(const grpc::Status&, Response)> done) const {
    auto call = std::make_shared<Pending<Request, Response>>();
    call->message = std::move(message);
    call->held = std::move(held);
    call->stub = stub_;
    call->visitors = visitors_;
    const bool begun = visitors_->Begin(request.visitor, [&](const std::string& ticket) {
      call->ticket = ticket;
      Introduce(request, ticket, &call->context);
      auto on_end = [call, done](const grpc::Status& status) {
        call->visitors->Forget(call->ticket);
        call->held = nullptr;
        done(status, std::move(call->response));
      };
      (stub_->async()->*method)(&call->context, &call->message, &call->response, std::move(on_end));
    });
    if (!begun) done({grpc::StatusCode::UNAVAILABLE, "the server is shutting down"}, Response());
  }

 private:
  template <typename Request, typename Response>
  struct Pending {
    grpc::ClientContext context;
    Request message;
    Response response;
    std::shared_ptr<const void> held;
    std::shared_ptr<Stub> stub;
    std::shared_ptr<services::Visitors> visitors;
    std::string ticket;
  };

  // Sets the deadline and the metadata.
  static void Introduce(const http::Request& request, const std::string& ticket,
                        grpc::ClientContext* context);

  const std::shared_ptr<Stub> stub_;
  const std::shared_ptr<services::Visitors> visitors_;
};

// The error of a call, as HTTP has it: its status, the message, and when to come again.
http::Answer AnswerOf(const grpc::Status& status);

}  // namespace descent::rest

#endif  // SERVER_REST_INFERENCE_CALLS_H_
