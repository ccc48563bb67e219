// Asks of every call who makes it, and whether the rules let them.

#ifndef SERVER_ACCESS_ACCESS_H_
#define SERVER_ACCESS_ACCESS_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/access/credentials.h"
#include "server/access/rules.h"
#include "server/services/call_hooks.h"

namespace descent::access {

// Thread-safe. Outlives every permit.
//
// UNAUTHENTICATED: no credentials (CREDENTIALS_MISSING), such as make no sense
// (CREDENTIALS_MALFORMED), or nobody's (CREDENTIALS_UNKNOWN). PERMISSION_DENIED: the caller's role
// is too small for the method (ROLE_NOT_PERMITTED), or its patterns do not cover the model
// (MODEL_NOT_PERMITTED).
class Access final : public services::Admission {
 public:
  explicit Access(Rules rules);

  absl::StatusOr<std::unique_ptr<services::CallPermit>> Admit(
      const services::MethodName& name, const grpc::ServerContextBase& context) override;

  // The same for a call of one who has shown these credentials another way than with it.
  absl::StatusOr<std::unique_ptr<services::CallPermit>> AdmitCaller(
      const services::MethodName& name, const absl::StatusOr<Credentials>& credentials);

  // Of one who looks at the server's pages over HTTP: whoever is known may, and is shown the models
  // that the permit lets see. UNAUTHENTICATED as above.
  absl::StatusOr<std::unique_ptr<services::CallPermit>> AdmitToPages(
      const absl::StatusOr<Credentials>& credentials);

  // The rules from now on. Calls that were let in go on by those they came with, but for streams,
  // which ask again at each message.
  void Replace(Rules rules);

 private:
  class Permit;

  // With the number of rules that there were before.
  struct Numbered {
    std::shared_ptr<const Rules> rules;
    std::int64_t number = 0;
  };
  Numbered Current() const;

  mutable absl::Mutex mutex_;
  Numbered current_ ABSL_GUARDED_BY(mutex_);
  std::atomic<std::int64_t> number_{0};  // of current_, for a look without the lock
};

}  // namespace descent::access

#endif  // SERVER_ACCESS_ACCESS_H_
