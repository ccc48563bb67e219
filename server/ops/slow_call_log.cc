#include "server/ops/slow_call_log.h"

#include <grpcpp/server_context.h>

#include <optional>
#include <string>
#include <string_view>

#include "clock/steady.h"
#include "server/ops/log.h"
#include "server/ops/trace.h"

namespace descent::ops {

void SlowCallLog::OnCallEnd(const services::CallRecord& record) {
  if (!record.phases.has_value() || record.duration < slow_) return;
  if (!LogEnabled(LogLevel::kWarning)) return;
  const std::optional<std::int64_t> withheld = lines_.Take(SteadyNow());
  if (!withheld.has_value()) return;
  const std::string peer = services::PeerOf(record);
  const std::string code = absl::StatusCodeToString(record.status.code());
  const Trace trace = TraceOf(record.context);
  Log(LogLevel::kWarning, "a call was slow",
      {{"service", record.name.service},
       {"method", record.name.method},
       {"model", record.model},
       {"caller", record.caller},
       {"code", std::string_view(code)},
       {"milliseconds", absl::ToDoubleMilliseconds(record.duration)},
       {"waited_milliseconds", absl::ToDoubleMilliseconds(record.phases->waited)},
       {"worked_milliseconds", absl::ToDoubleMilliseconds(record.phases->worked)},
       {"sent_milliseconds", absl::ToDoubleMilliseconds(record.phases->sent)},
       {"received_bytes", record.received_bytes},
       {"sent_bytes", record.sent_bytes},
       {"request_id", record.request_id},
       {"trace_id", std::string_view(trace.trace_id)},
       {"peer", std::string_view(peer)},
       {"more_not_logged", *withheld}});
}

}  // namespace descent::ops
