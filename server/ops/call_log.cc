#include "server/ops/call_log.h"

#include <grpcpp/server_context.h>

#include <string>

#include "core/error.h"
#include "server/ops/log.h"
#include "server/ops/trace.h"

namespace descent::ops {

void CallLog::OnCallEnd(const services::CallRecord& record) {
  const LogLevel level =
      record.status.code() == absl::StatusCode::kInternal ? LogLevel::kError : LogLevel::kDebug;
  if (!LogEnabled(level)) return;
  const std::string code = absl::StatusCodeToString(record.status.code());
  const std::string reason = GetErrorDetails(record.status).reason;
  const std::string peer = services::PeerOf(record);
  const Trace trace = TraceOf(record.context);
  Log(level, "call",
      {{"service", record.name.service},
       {"method", record.name.method},
       {"model", record.model},
       {"caller", record.caller},
       {"code", std::string_view(code)},
       {"reason", std::string_view(reason)},
       {"error", std::string_view(record.status.message().data(), record.status.message().size())},
       {"received_bytes", record.received_bytes},
       {"sent_bytes", record.sent_bytes},
       {"milliseconds", absl::ToDoubleMilliseconds(record.duration)},
       {"trace_id", std::string_view(trace.trace_id)},
       {"peer", std::string_view(peer)}});
}

}  // namespace descent::ops
