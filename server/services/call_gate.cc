#include "server/services/call_gate.h"

#include "clock/steady.h"
#include "core/error.h"

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

CallPass::CallPass(CallGate* gate, const MethodName& name, const grpc::ServerContextBase& context)
    : gate_(gate), name_(name), context_(context), start_(SteadyNow()), admission_(gate->Enter()) {}

CallPass::~CallPass() {
  if (gate_->observer_ != nullptr) {
    gate_->observer_->OnCallEnd({.name = name_,
                                 .model = model_,
                                 .status = status_,
                                 .duration = SteadyNow() - start_,
                                 .context = context_});
  }
  if (admission_.ok()) gate_->Leave();
}

}  // namespace descent::services
