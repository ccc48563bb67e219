#include "server/services/call_gate.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <optional>

#include "clock/steady.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/wire/status.h"

namespace descent::services {
namespace {

// About as long as a start takes, or another server needs to take over.
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

}  // namespace

void CallGate::Open() {
  const absl::MutexLock lock(&mutex_);
  if (phase_ == Phase::kStarting) phase_ = Phase::kOpen;
}

void CallGate::Close() {
  const absl::MutexLock lock(&mutex_);
  phase_ = Phase::kDraining;
}

bool CallGate::AwaitNoCalls(absl::Time deadline) {
  const absl::MutexLock lock(&mutex_);
  return AwaitUntil(&mutex_, absl::Condition(this, &CallGate::NoCalls), deadline);
}

absl::Status CallGate::Enter() {
  const absl::MutexLock lock(&mutex_);
  switch (phase_) {
    case Phase::kStarting:
      return WithRetryAfter(
          Error(absl::StatusCode::kUnavailable, "STARTING", "the server is starting"), kRetryDelay);
    case Phase::kDraining:
      return WithRetryAfter(
          Error(absl::StatusCode::kUnavailable, "DRAINING", "the server is shutting down"),
          kRetryDelay);
    case Phase::kOpen:
      break;
  }
  ++calls_;
  return absl::OkStatus();
}

void CallGate::Leave() {
  const absl::MutexLock lock(&mutex_);
  --calls_;
}

CallPass::CallPass(CallGate* gate, const MethodName& name, const grpc::ServerContextBase& context,
                   CallKind kind, std::size_t request_bytes)
    : gate_(gate),
      name_(name),
      context_(context),
      visitor_(gate->hooks_.visitors == nullptr ? nullptr : gate->hooks_.visitors->Take(context)),
      start_(SteadyNow()),
      counts_(gate->hooks_.messages == nullptr ? nullptr : gate->hooks_.messages->CountsOf(name)),
      admission_(Enter(kind, request_bytes)) {}

absl::Status CallPass::Enter(CallKind kind, std::size_t request_bytes) {
  const CallHooks& hooks = gate_->hooks_;
  for (CallObserver* const observer : hooks.observers) observer->OnCallStart(name_, context_);
  if (kind == CallKind::kWork) {
    RETURN_IF_ERROR(gate_->Enter());
    counted_ = true;
  }
  if (visitor_ != nullptr) {
    if (visitor_->admit != nullptr) {
      ASSIGN_OR_RETURN(permit_, visitor_->admit(name_));
    }
  } else if (hooks.admission != nullptr) {
    ASSIGN_OR_RETURN(permit_, hooks.admission->Admit(name_, context_));
  }
  if (hooks.limiter == nullptr || kind == CallKind::kProbe) return absl::OkStatus();
  return hooks.limiter->Enter(
      permit_ == nullptr ? std::string_view() : permit_->caller(),
      permit_ == nullptr ? nullptr : permit_->limits(), [this] { return peer(); }, request_bytes,
      &share_);
}

std::string CallPass::peer() const {
  return visitor_ == nullptr ? context_.peer() : visitor_->peer;
}

std::string PeerOf(const CallRecord& record) {
  return record.visitor.empty() ? record.context.peer() : std::string(record.visitor);
}

CallPass::~CallPass() {
  const absl::Time now = SteadyNow();
  std::optional<CallPhases> phases;
  if (begun_ != absl::InfinitePast()) {
    const absl::Time begun = std::clamp(begun_, start_, ended_);
    phases = {.waited = begun - start_, .worked = ended_ - begun, .sent = now - ended_};
  }
  for (CallObserver* const observer : gate_->hooks_.observers) {
    observer->OnCallEnd({.name = name_,
                         .model = model_,
                         .caller = permit_ == nullptr ? std::string_view() : permit_->caller(),
                         .status = status_,
                         .duration = now - start_,
                         .received_bytes = received_bytes_,
                         .sent_bytes = sent_bytes_,
                         .received_messages = received_messages_,
                         .sent_messages = sent_messages_,
                         .request_id = request_id_,
                         .phases = phases,
                         .visitor = visitor_ == nullptr ? std::string_view() : visitor_->peer,
                         .context = context_});
  }
  // Last: whoever waits for this may take down the observers.
  if (counted_) gate_->Leave();
}

absl::Status CallPass::AdmitModel(std::string_view model) {
  model_ = model;
  return permit_ == nullptr ? absl::OkStatus() : permit_->CheckModel(model);
}

grpc::Status CallPass::End(absl::Status status) {
  status_ = std::move(status);
  ended_ = SteadyNow();
  return wire::ToGrpcStatus(status_);
}

bool CallPass::MaySee(std::string_view model) const {
  return permit_ == nullptr || permit_->MaySee(model);
}

absl::Status CallPass::Renew() {
  if (permit_ == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(permit_->Renew(model_));
  share_.SetOverrides(permit_->limits());
  return absl::OkStatus();
}

absl::Status CallPass::AdmitMessage(std::size_t bytes) {
  AddReceived(bytes);
  RETURN_IF_ERROR(Renew());
  share_.AddMessage(bytes);
  return absl::OkStatus();
}

}  // namespace descent::services
