// A line of the log for each call.

#ifndef SERVER_OPS_CALL_LOG_H_
#define SERVER_OPS_CALL_LOG_H_

#include "server/services/call_hooks.h"

namespace descent::ops {

// Calls are logged at debug, those that ended with INTERNAL, which are bugs of ours, as errors.
class CallLog final : public services::CallObserver {
 public:
  void OnCallEnd(const services::CallRecord& record) override;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_CALL_LOG_H_
