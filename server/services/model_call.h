// A unary call that one method of the models answers: look up, decode, run, encode, status.

#ifndef SERVER_SERVICES_MODEL_CALL_H_
#define SERVER_SERVICES_MODEL_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/exceptions.h"
#include "core/network.h"
#include "core/status_macros.h"
#include "server/models/commands.h"
#include "server/models/registry/model.h"
#include "server/models/registry/registry.h"
#include "server/models/reply.h"
#include "server/models/work/cost.h"
#include "server/services/answer_size.h"
#include "server/services/call_resources.h"
#include "server/services/method_name.h"
#include "server/services/unary_call.h"
#include "server/wire/categories.h"
#include "server/wire/decode.h"
#include "server/wire/encode.h"
#include "server/wire/tensor.h"

namespace descent::services {

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
    return wire::EncodingOf(request.inputs(), request.categories());
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

// What a command takes in memory while it waits: its tensors, or where it has none about what its
// message did.
template <typename Command, typename Request>
std::size_t HeldBytes(const Command& command, const Request& request) {
  if constexpr (requires { models::ByteSize(command); }) {
    return models::ByteSize(command);
  } else {
    return 2 * request.SpaceUsedLong();
  }
}

// A call that one method of the request's model answers: look up, decode, run, encode, status.
template <typename Request, typename Response, typename Command, typename Outcome>
grpc::ServerUnaryReactor* ServeOnModel(
    const models::Registry& registry, const CallResources& resources, const MethodName& name,
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes, grpc::ByteBuffer* response,
    void (models::Model::*run)(Command, models::CallContext, models::Reply<Outcome>)) {
  const auto begin = [&registry, run](UnaryCall* call, const Request& request) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string model_name, wire::ModelName(request));
    RETURN_IF_ERROR(call->AdmitModel(model_name));
    ASSIGN_OR_RETURN(std::shared_ptr<models::Model> model, registry.Find(model_name));
    ASSIGN_OR_RETURN(Command command, CatchExceptions([&] { return DecodeFor(*model, request); }));
    const std::size_t answer_bytes = AnswerBytes(command, *model->network());
    const std::size_t held_bytes = HeldBytes(command, request);
    auto go = [call, run, model = std::move(model), command = std::move(command),
               encoding = EncodingFor(request)]() mutable {
      auto encode = [network = model->network(), encoding](const Outcome& outcome, Response* to) {
        EncodeFor(*network, encoding, outcome, to);
      };
      ((*model).*run)(std::move(command), call->context(),
                      call->ReplyWith<Response, Outcome>(std::move(encode)));
      return absl::OkStatus();
    };
    return call->WhenTurnComes(answer_bytes, held_bytes, std::move(go));
  };
  return ServeUnary<Request>(resources, name, context, bytes, response, begin);
}

}  // namespace descent::services

#endif  // SERVER_SERVICES_MODEL_CALL_H_
