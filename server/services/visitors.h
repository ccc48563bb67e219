// Callers whose requests came another way than by gRPC, and go on as calls through the server's own
// channel: so that whatever holds for calls holds for them, and nothing is done twice. Such a call
// names its visitor by a ticket in its metadata, and is a call of that visitor from then on.

#ifndef SERVER_SERVICES_VISITORS_H_
#define SERVER_SERVICES_VISITORS_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/node_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/services/call_hooks.h"
#include "server/services/method_name.h"

namespace grpc {
class ServerContextBase;
}

namespace descent::services {

// The name of the metadata that has the ticket.
inline constexpr char kVisitorTicket[] = "descent-visitor";

struct Visitor {
  std::string peer = {};  // as gRPC writes it
  // As Admission::Admit, for the credentials that the visitor has shown; null: everybody may do
  // everything.
  std::function<absl::StatusOr<std::unique_ptr<CallPermit>>(const MethodName&)> admit = {};
};

// Thread-safe.
class Visitors {
 public:
  // Has `call` begin a call with a ticket, which nobody outside of the process can guess. False,
  // and nothing is called, after Close.
  bool Begin(const Visitor& visitor, absl::FunctionRef<void(const std::string& ticket)> call);
  // The call was made, or will not be.
  void Forget(std::string_view ticket);

  // No call is begun after this returns: the channel ends with its server, and a call on it would
  // end the process.
  void Close();

  // Whose call it is, the first time it is asked; null: the peer's own.
  std::unique_ptr<Visitor> Take(const grpc::ServerContextBase& context);

 private:
  std::atomic<std::size_t> announced_{0};
  absl::Mutex door_;  // held while a call begins, shared
  bool closed_ ABSL_GUARDED_BY(door_) = false;
  absl::Mutex mutex_;
  absl::node_hash_map<std::string, Visitor> visitors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_VISITORS_H_
