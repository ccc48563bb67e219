#include "server/ops/limit_log.h"

#include <grpcpp/server_context.h>

#include <optional>
#include <string>
#include <string_view>

#include "clock/steady.h"
#include "core/error.h"
#include "server/ops/log.h"
#include "server/ops/trace.h"

namespace descent::ops {

void LimitLog::OnCallEnd(const services::CallRecord& record) {
  if (!absl::IsResourceExhausted(record.status) || !LogEnabled(LogLevel::kWarning)) return;
  ErrorDetails details = GetErrorDetails(record.status);
  // Others are refused for what the server has, which is not their doing.
  if (!details.metadata.contains("limited")) return;
  const std::optional<std::int64_t> withheld = lines_.Take(SteadyNow());
  if (!withheld.has_value()) return;
  const std::string peer = services::PeerOf(record);
  const Trace trace = TraceOf(record.context);
  Log(LogLevel::kWarning, "a call was over a limit",
      {{"reason", std::string_view(details.reason)},
       {"of", std::string_view(details.metadata["limited"])},
       {"limit", std::string_view(details.metadata["limit"])},
       {"service", record.name.service},
       {"method", record.name.method},
       {"caller", record.caller},
       {"trace_id", std::string_view(trace.trace_id)},
       {"peer", std::string_view(peer)},
       {"more_not_logged", *withheld}});
}

}  // namespace descent::ops
