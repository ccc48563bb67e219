// Calls that were refused for what their caller or connection had already: logged.

#ifndef SERVER_OPS_LIMIT_LOG_H_
#define SERVER_OPS_LIMIT_LOG_H_

#include "server/ops/refusal_log.h"
#include "server/services/call_hooks.h"

namespace descent::ops {

// A line says who had too much of what; CallLimiter counts them all. Thread-safe.
class LimitLog final : public services::CallObserver {
 public:
  void OnCallEnd(const services::CallRecord& record) override;

 private:
  LineAllowance lines_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_LIMIT_LOG_H_
