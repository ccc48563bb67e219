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
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/exceptions.h"
#include "google/protobuf/message.h"
#include "server/models/commands.h"
#include "server/models/reply.h"
#include "server/models/work/memory_budget.h"
#include "server/services/call_gate.h"
#include "server/services/call_resources.h"
#include "server/services/message_reader.h"
#include "server/services/method_name.h"
#include "server/services/unsent_answers.h"

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
            grpc::CallbackServerContext* context, const grpc::ByteBuffer& request,
            grpc::ByteBuffer* response, CallKind kind = CallKind::kWork);

  // See CallPass.
  const absl::Status& admission() const { return pass_.admission(); }
  absl::Status AdmitModel(std::string_view model) { return pass_.AdmitModel(model); }
  bool MaySee(std::string_view model) const { return pass_.MaySee(model); }

  // Deadline and cancellation, for the models.
  models::CallContext context() const {
    return {.deadline = DeadlineOf(context_),
            .cancelled = {progress_, &progress_->cancelled},
            .caller = absl::HashOf(pass_.peer()),
            .begun = &progress_->begun};
  }

  // The request's own id, for observers.
  void NoteRequestId(std::string_view id) { pass_.NoteRequestId(id); }

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
  // What whoever works on the call knows of it, and tells.
  struct Progress {
    std::atomic<bool> cancelled{false};
    std::atomic<std::int64_t> begun{0};
  };

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
  const std::shared_ptr<Progress> progress_;
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
                                     Begin begin, CallKind kind = CallKind::kWork) noexcept {
  // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): no memory for this ends the process
  auto* call = new UnaryCall(resources, name, context, *bytes, response, kind);
  if (!call->admission().ok()) {
    call->End(call->admission());
    return call;
  }
  // gRPC keeps the bytes until the call ends, and has no use for them.
  auto* taken = const_cast<grpc::ByteBuffer*>(bytes);
  resources.reader->Read<Request>(
      name, taken, [call, begin = std::move(begin)](absl::Status status, const Request& request) {
        if constexpr (requires { request.request_id(); }) {
          if (!request.request_id().empty()) call->NoteRequestId(request.request_id());
        }
        if (status.ok()) status = CatchExceptions([&] { return begin(call, request); });
        if (!status.ok()) call->End(status);
      });
  return call;
}

}  // namespace descent::services

#endif  // SERVER_SERVICES_UNARY_CALL_H_
