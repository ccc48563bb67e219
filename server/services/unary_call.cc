#include "server/services/unary_call.h"

#include "absl/hash/hash.h"
#include "clock/steady.h"
#include "core/status_macros.h"
#include "server/services/message.h"

namespace descent::services {

absl::Time DeadlineOf(const grpc::ServerContextBase& context) {
  return ToSteady(context.deadline());
}

std::uint64_t CallerOf(const grpc::ServerContextBase& context) {
  return absl::HashOf(context.peer());
}

UnaryCall::UnaryCall(const CallResources& resources, const MethodName& name,
                     grpc::CallbackServerContext* context, const grpc::ByteBuffer& request,
                     grpc::ByteBuffer* response, CallKind kind)
    : context_(*context),
      response_(response),
      memory_(*resources.memory),
      unsent_answers_(*resources.unsent),
      progress_(std::make_shared<Progress>()),
      pass_(resources.gate, name, *context, kind, request.Length()) {
  pass_.AddReceived(request.Length());
}

absl::Status UnaryCall::AwaitTurn(std::size_t bytes, std::size_t held_bytes,
                                  absl::AnyInvocable<absl::Status()> go) {
  ASSIGN_OR_RETURN(models::MemoryCharge held,
                   memory_.Reserve(models::MemoryPurpose::kHeldWork, held_bytes));
  unsent_answers_.Await(
      pass_.peer(), bytes, progress_->cancelled, &unsent_,
      [this, held = std::move(held), go = std::move(go)](absl::Status status) mutable {
        held = models::MemoryCharge();  // from here on the models count it
        if (status.ok()) status = go();
        if (!status.ok()) End(status);
      });
  return absl::OkStatus();
}

void UnaryCall::OnCancel() {
  progress_->cancelled.store(true, std::memory_order_relaxed);
  unsent_answers_.Forget(&unsent_);
}

void UnaryCall::End(const absl::Status& status) { Send(status); }

void UnaryCall::Answer(const google::protobuf::Message& response) {
  *response_ = SerializeMessage(response);
  pass_.AddSent(response_->Length());
  unsent_.Raise(response_->Length());
  unsent_.Sending([this] { context_.TryCancel(); });
  Send(absl::OkStatus());
}

void UnaryCall::Send(const absl::Status& status) {
  const std::int64_t begun = progress_->begun.load(std::memory_order_relaxed);
  // Of what was never begun all the time was waiting.
  pass_.NoteBegun(begun == 0 ? absl::InfiniteFuture() : absl::FromUnixNanos(begun));
  Finish(pass_.End(status));
}

}  // namespace descent::services
