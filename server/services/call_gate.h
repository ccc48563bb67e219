// What every call passes on its way in and on its way out, whatever its method: whether the server
// takes work, how much of it there is, and who is told about it.

#ifndef SERVER_SERVICES_CALL_GATE_H_
#define SERVER_SERVICES_CALL_GATE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace grpc {
class ServerContextBase;
}

namespace descent::services {

// A method of the wire contract.
struct MethodName {
  std::string_view service;  // "descent.v1.NetworkService"
  std::string_view method;   // "Step"
};

// A call that has ended.
struct CallRecord {
  MethodName name;
  std::string_view model;  // empty when the call did not get as far as naming one
  const absl::Status& status;
  absl::Duration duration;
  const grpc::ServerContextBase& context;  // for the peer
};

// Is told of every call's end, on gRPC's threads. Thread-safe; must not block.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void OnCallEnd(const CallRecord& record) = 0;
};

// Thread-safe. Must outlive every pass.
class CallGate {
 public:
  // `observer` may be null and must outlive the gate. The gate begins closed: calls are refused
  // with UNAVAILABLE (STARTING).
  explicit CallGate(CallObserver* observer) : observer_(observer) {}

  // Lets calls in.
  void Open();

  // Refuses further calls with UNAVAILABLE (DRAINING) for good.
  void Close();

  // Waits until every call that was let in has ended. False when the deadline, of
  // SteadyNow, came first.
  bool AwaitNoCalls(absl::Time deadline);

 private:
  friend class CallPass;
  enum class Phase : std::uint8_t { kStarting, kOpen, kDraining };

  // OK counts the call, until Leave.
  absl::Status Enter();
  void Leave();
  bool NoCalls() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ == 0; }

  CallObserver* const observer_;

  absl::Mutex mutex_;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kStarting;
  std::int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

// One call's way through the gate, from its beginning to its end. Not thread-safe.
class CallPass {
 public:
  // Asks the gate, and here, in one place for all methods, whether the caller may do this.
  CallPass(CallGate* gate, const MethodName& name, const grpc::ServerContextBase& context);
  // The call has ended.
  ~CallPass();
  CallPass(const CallPass&) = delete;
  CallPass& operator=(const CallPass&) = delete;

  // Not OK: the call was refused, and ends with this.
  const absl::Status& admission() const { return admission_; }

  void set_model(std::string_view model) { model_ = model; }
  void set_status(absl::Status status) { status_ = std::move(status); }

 private:
  CallGate* const gate_;
  const MethodName name_;
  const grpc::ServerContextBase& context_;
  const absl::Time start_;
  const absl::Status admission_;
  std::string model_;
  absl::Status status_;
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_CALL_GATE_H_
