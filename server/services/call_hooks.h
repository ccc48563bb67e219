// Who is told of every call, and who is asked whether it may be: the calls of all services, health
// checks and reflection among them, whatever their method.

#ifndef SERVER_SERVICES_CALL_HOOKS_H_
#define SERVER_SERVICES_CALL_HOOKS_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/services/method_name.h"

namespace grpc {
class ServerContextBase;
}

namespace descent::services {

// A call that has ended.
struct CallRecord {
  MethodName name;
  std::string_view model;  // empty when the call did not get as far as naming one, or is about none
  const absl::Status& status;
  absl::Duration duration;
  // The bytes of all messages, as they are on the wire.
  std::int64_t received_bytes = 0;
  std::int64_t sent_bytes = 0;
  const grpc::ServerContextBase& context;  // for the peer
};

// Is told of every call's beginning, before anything else is done about it, and then of its end:
// once each, on gRPC's threads. Thread-safe; must not block.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void OnCallStart(const MethodName& /*name*/, const grpc::ServerContextBase& /*context*/) {
  }
  virtual void OnCallEnd(const CallRecord& record) = 0;
};

// What a call was let in with. Thread-safe; must not block.
class CallPermit {
 public:
  virtual ~CallPermit() = default;

  // Whether the call may be about the model of that name, which is asked before anybody looks
  // whether there is one. An error ends the call; a list leaves the model out.
  virtual absl::Status CheckModel(std::string_view model) const = 0;
};

// Thread-safe; must not block.
class Admission {
 public:
  virtual ~Admission() = default;

  // Asked when a call begins, before its request is read. The context has the peer, what it has
  // shown of itself, and the call's metadata. An error ends the call; null permits every model.
  virtual absl::StatusOr<std::unique_ptr<const CallPermit>> Admit(
      const MethodName& name, const grpc::ServerContextBase& context) = 0;
};

// All of them outlive every call. None is null but the admission, without which every call is
// admitted.
struct CallHooks {
  std::vector<CallObserver*> observers;
  Admission* admission = nullptr;
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_CALL_HOOKS_H_
