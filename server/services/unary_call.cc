#include "server/services/unary_call.h"

#include "server/wire/status.h"

namespace descent::services {

absl::Time DeadlineOf(const grpc::ServerContextBase& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteFuture();
  return absl::FromChrono(deadline);
}

UnaryCall::UnaryCall(CallGate* gate, const MethodName& name, grpc::CallbackServerContext* context)
    : context_(*context),
      cancelled_(std::make_shared<std::atomic<bool>>(false)),
      pass_(gate, name, *context) {}

void UnaryCall::End(absl::Status status) {
  grpc::Status answer = wire::ToGrpcStatus(status);
  pass_.set_status(std::move(status));
  Finish(std::move(answer));
}

}  // namespace descent::services
