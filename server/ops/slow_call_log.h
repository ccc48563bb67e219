// A warning for each call that took long, with where its time went.

#ifndef SERVER_OPS_SLOW_CALL_LOG_H_
#define SERVER_OPS_SLOW_CALL_LOG_H_

#include "absl/time/time.h"
#include "server/ops/refusal_log.h"
#include "server/services/call_hooks.h"

namespace descent::ops {

// Of calls with one request and one answer: streams last as long as their clients like. A number of
// lines at once, and one more each second. Thread-safe.
class SlowCallLog final : public services::CallObserver {
 public:
  explicit SlowCallLog(absl::Duration slow) : slow_(slow) {}

  void OnCallEnd(const services::CallRecord& record) override;

 private:
  const absl::Duration slow_;
  LineAllowance lines_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_SLOW_CALL_LOG_H_
