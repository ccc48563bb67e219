// A stream's reading, held up while its caller has as much as it may.

#ifndef SERVER_SERVICES_PACED_READ_H_
#define SERVER_SERVICES_PACED_READ_H_

#include <grpcpp/alarm.h>

#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "clock/steady.h"
#include "server/services/call_gate.h"

namespace descent::services {

// For calls of which one thing at a time is under way: a pause counts as that thing. Not
// thread-safe.
class PacedRead {
 public:
  // Calls `read` as soon as the call may read on: here, or later on another thread. The call must
  // stay until then.
  template <typename Read>
  void WhenAllowed(const CallPass& pass, Read read) {
    const absl::Duration pause = pass.ReadPause();
    if (pause == absl::ZeroDuration()) {
      read();
      return;
    }
    // Another than the one before, which may be calling this and keeps what it calls.
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(ToSystemClock(SteadyNow() + pause),
                [this, &pass, read = std::move(read)](bool /*ok*/) { WhenAllowed(pass, read); });
  }

 private:
  std::unique_ptr<grpc::Alarm> alarm_;
};

}  // namespace descent::services

#endif  // SERVER_SERVICES_PACED_READ_H_
