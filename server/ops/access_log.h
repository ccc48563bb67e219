// A file with a line for every call, as JSON:
//
//   {"time":"2026-01-31T12:00:00.123Z","method":"/descent.v1.NetworkService/Predict",
//    "model":"housing","caller":"web","peer":"ipv4:10.0.0.1:5000","code":"OK","received_bytes":120,
//    "sent_bytes":40,"milliseconds":0.25}
//
// and, where there is one, "reason" of the error, "request_id" of the request, "trace_id" and
// "parent_id" of the caller's `traceparent`. What callers choose is escaped: a line is one call.

#ifndef SERVER_OPS_ACCESS_LOG_H_
#define SERVER_OPS_ACCESS_LOG_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/ops/log_file.h"
#include "server/services/call_hooks.h"

namespace descent::ops {

// Thread-safe.
class AccessLog final : public services::CallObserver {
 public:
  // INVALID_ARGUMENT with the system's reason.
  static absl::StatusOr<std::unique_ptr<AccessLog>> Open(std::string path);

  // `record.duration` ago it began, and is over at this moment.
  void OnCallEnd(const services::CallRecord& record) override;

  // The line of a call that began then.
  static std::string Line(const services::CallRecord& record, absl::Time begin);

 private:
  explicit AccessLog(std::unique_ptr<LogFile> file) : file_(std::move(file)) {}

  const std::unique_ptr<LogFile> file_;
};

}  // namespace descent::ops

#endif  // SERVER_OPS_ACCESS_LOG_H_
