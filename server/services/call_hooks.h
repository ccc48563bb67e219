// Who is told of every call, and who is asked whether it may be: the calls of all services, health
// checks and reflection among them, whatever their method.

#ifndef SERVER_SERVICES_CALL_HOOKS_H_
#define SERVER_SERVICES_CALL_HOOKS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/services/caller_limits.h"
#include "server/services/method_name.h"

namespace grpc {
class ServerContextBase;
}

namespace descent::services {

class CallLimiter;
class Visitors;

// Where a call's time went, together all of it.
struct CallPhases {
  absl::Duration waited;  // until work on it began: being read, and in queues
  absl::Duration worked;  // until its answer or error was there
  absl::Duration sent;    // until gRPC was done with it
};

// A call that has ended.
struct CallRecord {
  MethodName name;
  std::string_view model;  // empty when the call did not get as far as naming one, or is about none
  std::string_view caller;  // as its permit has it; empty: nobody in particular
  const absl::Status& status;
  absl::Duration duration;
  // All messages: their bytes as they are on the wire, and how many.
  std::int64_t received_bytes = 0;
  std::int64_t sent_bytes = 0;
  std::int64_t received_messages = 0;
  std::int64_t sent_messages = 0;
  std::string_view request_id = {};        // of the request; empty: it has none
  std::optional<CallPhases> phases = {};   // of calls with one request and one answer
  std::string_view visitor = {};           // the peer of one who came by HTTP; empty: the context's
  const grpc::ServerContextBase& context;  // for the peer
};

// Who made the call, as gRPC writes it: "ipv4:10.0.0.1:5000".
std::string PeerOf(const CallRecord& record);

// Is told of every call's beginning, before anything else is done about it, and then of its end:
// once each, on gRPC's threads. Thread-safe; must not block.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void OnCallStart(const MethodName& /*name*/, const grpc::ServerContextBase& /*context*/) {
  }
  virtual void OnCallEnd(const CallRecord& record) = 0;
};

// The messages of one method's calls. Each is counted as it comes or goes, for a stream may last
// for days.
struct MessageCounts {
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> sent{0};
};

// Thread-safe; must not block.
class MessageCounter {
 public:
  virtual ~MessageCounter() = default;
  // Where a call of that method counts its messages, or null. Outlives the call.
  virtual MessageCounts* CountsOf(const MethodName& name) = 0;
};

// What a call was let in with. Used by one thread at a time; must not block.
class CallPermit {
 public:
  virtual ~CallPermit() = default;

  // Who makes the call, for people and the log. Lives until the next Renew.
  virtual std::string_view caller() const { return {}; }

  // What is different for it in what callers may have at a time; null: nothing. Lives likewise.
  virtual const LimitOverrides* limits() const { return nullptr; }

  // Whether the call may be about the model of that name, which is asked before anybody looks
  // whether there is one. An error ends the call.
  virtual absl::Status CheckModel(std::string_view model) const = 0;

  // The same for a list, which leaves the model out.
  virtual bool MaySee(std::string_view model) const { return CheckModel(model).ok(); }

  // Whether a stream may go on, asked at each of its messages. `model` is the one it is about,
  // empty as long as there is none. An error ends the call.
  virtual absl::Status Renew(std::string_view /*model*/) { return absl::OkStatus(); }
};

// Thread-safe; must not block.
class Admission {
 public:
  virtual ~Admission() = default;

  // Asked when a call begins, before its request is read. The context has the peer, what it has
  // shown of itself, and the call's metadata. An error ends the call; null permits every model.
  virtual absl::StatusOr<std::unique_ptr<CallPermit>> Admit(
      const MethodName& name, const grpc::ServerContextBase& context) = 0;
};

// All of them outlive every call. No observer is null; without an admission every call is admitted,
// without a limiter callers may have as much as they like, and without a counter messages are not
// counted but in each call's record.
struct CallHooks {
  std::vector<CallObserver*> observers;
  Admission* admission = nullptr;
  CallLimiter* limiter = nullptr;
  MessageCounter* messages = nullptr;
  Visitors* visitors = nullptr;  // null: none come another way
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_CALL_HOOKS_H_
