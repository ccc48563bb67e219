// One unary call, from decoding to status: what all unary RPCs share.

#ifndef SERVER_SERVICES_UNARY_CALL_H_
#define SERVER_SERVICES_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/exceptions.h"
#include "core/network.h"
#include "core/status_macros.h"
#include "server/models/commands.h"
#include "server/models/registry/model.h"
#include "server/models/registry/registry.h"
#include "server/models/reply.h"
#include "server/models/work/cost.h"
#include "server/models/work/memory_budget.h"
#include "server/services/answer_size.h"
#include "server/services/call_gate.h"
#include "server/services/call_resources.h"
#include "server/services/message_reader.h"
#include "server/services/unsent_answers.h"
#include "server/wire/decode.h"
#include "server/wire/encode.h"
#include "server/wire/tensor.h"

namespace descent::services {

// How long the caller of `context` waits: a time of SteadyNow. To be asked when the call comes.
absl::Time DeadlineOf(const grpc::ServerContextBase& context);

// Tells the callers of `context` and of others apart, by their connections.
std::uint64_t CallerOf(const grpc::ServerContextBase& context);

// Owns itself; goes when gRPC is done with it. Ends exactly once, by End or Answer.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  // `response` is gRPC's, which sends it when the call ends with an answer.
  UnaryCall(const CallResources& resources, const MethodName& name,
            grpc::CallbackServerContext* context, grpc::ByteBuffer* response);

  const absl::Status& admission() const { return pass_.admission(); }
  void set_model(std::string_view model) { pass_.set_model(model); }

  // Deadline and cancellation, for the models.
  models::CallContext context() const {
    return {DeadlineOf(context_), cancelled_, CallerOf(context_)};
  }

  // Calls `go`, an absl::Status(), when an answer of about `bytes` may be made: at once, or when it
  // is its turn; until then the `held_bytes` of the command are counted as held work. An error that
  // is returned, of the budget or of `go`, or a later one of the wait or of `go`, ends the call. An
  // exception ends the process: the call may be somebody else's to end by then.
  template <typename Go>
  absl::Status WhenTurnComes(std::size_t bytes, std::size_t held_bytes, Go go) noexcept {
    if (unsent_answers_.TakeSmall(bytes, &unsent_)) return go();
    return AwaitTurn(bytes, held_bytes, std::move(go));
  }

  // The last call to this object: sends the status, which is not OK, or the answer.
  void End(const absl::Status& status);
  void Answer(const google::protobuf::Message& response);

  // A reply that fills a response by `encode(outcome, &response)` and ends the call.
  template <typename Response, typename Outcome, typename Encode>
  models::Reply<Outcome> ReplyWith(Encode encode) {
    return [this, encode = std::move(encode)](absl::StatusOr<Outcome> outcome) mutable {
      if (!outcome.ok()) {
        End(outcome.status());
        return;
      }
      Response response;
      const absl::Status encoded = CatchExceptions([&] {
        encode(*outcome, &response);
        return absl::OkStatus();
      });
      if (encoded.ok()) {
        Answer(response);
      } else {
        End(models::Abandoned());
      }
    };
  }

 private:
  absl::Status AwaitTurn(std::size_t bytes, std::size_t held_bytes,
                         absl::AnyInvocable<absl::Status()> go);
  void Send(const absl::Status& status);

  void OnCancel() override;
  void OnDone() override { delete this; }
  // Whether gRPC may call these two where it is, rather than hand them to a thread of its own,
  // which costs a call a wake-up and a switch. They do little and take no lock that a caller of
  // Finish holds. gRPC calls this no part of its interface: without it they come on that thread
  // again.
  bool InternalInlineable() override { return true; }

  grpc::CallbackServerContext& context_;
  grpc::ByteBuffer* const response_;
  models::MemoryBudget& memory_;
  UnsentAnswers& unsent_answers_;
  const std::shared_ptr<std::atomic<bool>> cancelled_;
  CallPass pass_;
  UnsentAnswer unsent_;
};

// Reads a request and runs `begin(call, request)`, an absl::Status(UnaryCall*, const Request&),
// here or on another thread. An error, or what is thrown while the request is decoded, ends the
// call; OK means that a reply will. gRPC would swallow any other exception, so it ends the process.
template <typename Request, typename Begin>
grpc::ServerUnaryReactor* ServeUnary(const CallResources& resources, const MethodName& name,
                                     grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* bytes, grpc::ByteBuffer* response,
                                     Begin begin) noexcept {
  auto* call = new UnaryCall(resources, name, context, response);
  if (!call->admission().ok()) {
    call->End(call->admission());
    return call;
  }
  // gRPC keeps the bytes until the call ends, and has no use for them.
  auto* taken = const_cast<grpc::ByteBuffer*>(bytes);
  resources.reader->Read<Request>(
      name, taken, [call, begin = std::move(begin)](absl::Status status, const Request& request) {
        if (status.ok()) status = CatchExceptions([&] { return begin(call, request); });
        if (!status.ok()) call->End(status);
      });
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
    call->set_model(model_name);
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

#endif  // SERVER_SERVICES_UNARY_CALL_H_
