// What every call passes on its way in and on its way out, whatever its method: whether the server
// takes work, whether the caller may do this, how much of it there is, and who is told about it.

#ifndef SERVER_SERVICES_CALL_GATE_H_
#define SERVER_SERVICES_CALL_GATE_H_

#include <grpcpp/support/status.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/services/call_hooks.h"
#include "server/services/call_limiter.h"
#include "server/services/method_name.h"
#include "server/services/visitors.h"

namespace grpc {
class ServerContextBase;
}

namespace descent::services {

enum class CallKind : std::uint8_t {
  kWork,     // refused while the server starts or drains; a drain waits for it
  kInquiry,  // about the server itself: answered at any time, and waited for by nobody
  kProbe,    // an inquiry after its health, which is answered whatever its caller has besides
};

// Thread-safe. Must outlive every pass.
class CallGate {
 public:
  // The gate begins closed: work is refused with UNAVAILABLE (STARTING).
  explicit CallGate(CallHooks hooks) : hooks_(std::move(hooks)) {}

  // Lets work in.
  void Open();

  // Refuses further work with UNAVAILABLE (DRAINING) for good.
  void Close();

  // Waits until all work that was let in has ended. False when the deadline, of SteadyNow, came
  // first.
  bool AwaitNoCalls(absl::Time deadline);

 private:
  friend class CallPass;
  enum class Phase : std::uint8_t { kStarting, kOpen, kDraining };

  // OK counts the call, until Leave.
  absl::Status Enter();
  void Leave();
  bool NoCalls() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ == 0; }

  const CallHooks hooks_;

  absl::Mutex mutex_;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kStarting;
  std::int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

// One call's way through the gate, from its beginning to its end. Not thread-safe.
class CallPass {
 public:
  // Asks, here in one place for all methods, whether the call may be. It came with so many bytes, a
  // stream with none.
  CallPass(CallGate* gate, const MethodName& name, const grpc::ServerContextBase& context,
           CallKind kind = CallKind::kWork, std::size_t request_bytes = 0);
  // The call has ended.
  ~CallPass();
  CallPass(const CallPass&) = delete;
  CallPass& operator=(const CallPass&) = delete;

  // Who makes the call, as gRPC writes it.
  std::string peer() const;

  // Not OK: the call was refused, and ends with this.
  const absl::Status& admission() const { return admission_; }

  // The call is about the model of that name. To be asked as soon as that is known, and before
  // anybody looks whether there is one; not OK ends the call.
  absl::Status AdmitModel(std::string_view model);
  // Whether the call may be told that there is such a model.
  bool MaySee(std::string_view model) const;
  // Whether a stream may go on; to be asked at each of its messages. Not OK ends the call.
  absl::Status Renew();

  // Takes note of a stream's message that has come, and renews as above.
  absl::Status AdmitMessage(std::size_t bytes);
  // How long the stream has to wait before it is asked again whether it may be read on, for what
  // its caller may have at a time; zero: it may.
  absl::Duration ReadPause() const { return share_.ReadPause(); }
  // So many bytes of a stream's messages are answered; of other calls, and at the end, all are.
  void Answered(std::size_t bytes) { share_.Answered(bytes); }

  // For observers: the request's own id, of which the first so many bytes are kept; that the call
  // has one request and one answer, and when work on it began, a time of SteadyNow.
  static constexpr std::size_t kMostRequestIdBytes = 128;
  void NoteRequestId(std::string_view id) { request_id_ = id.substr(0, kMostRequestIdBytes); }
  void NoteBegun(absl::Time begun) { begun_ = begun; }

  // What came and what was sent, message by message.
  void AddReceived(std::size_t bytes) {
    received_bytes_ += static_cast<std::int64_t>(bytes);
    ++received_messages_;
    if (counts_ != nullptr) counts_->received.fetch_add(1, std::memory_order_relaxed);
  }
  void AddSent(std::size_t bytes) {
    sent_bytes_ += static_cast<std::int64_t>(bytes);
    ++sent_messages_;
    if (counts_ != nullptr) counts_->sent.fetch_add(1, std::memory_order_relaxed);
  }

  // How the call ends: as observers will be told it, and, returned, as gRPC sends it.
  grpc::Status End(absl::Status status);

 private:
  absl::Status Enter(CallKind kind, std::size_t request_bytes);

  CallGate* const gate_;
  const MethodName name_;
  const grpc::ServerContextBase& context_;
  const std::unique_ptr<Visitor> visitor_;  // null: the peer itself
  const absl::Time start_;
  MessageCounts* const counts_;         // of the method; null: nobody counts
  bool counted_ = false;                // by the gate
  std::unique_ptr<CallPermit> permit_;  // null: for every model
  CallShare share_;
  const absl::Status admission_;
  std::string model_;
  std::string request_id_;
  absl::Time begun_ = absl::InfinitePast();  // then: a stream
  absl::Time ended_;
  absl::Status status_;
  std::int64_t received_bytes_ = 0;
  std::int64_t sent_bytes_ = 0;
  std::int64_t received_messages_ = 0;
  std::int64_t sent_messages_ = 0;
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_CALL_GATE_H_
