#include "server/ops/refusal_log.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "clock/steady.h"
#include "core/error.h"
#include "server/ops/log.h"
#include "server/ops/trace.h"

namespace descent::ops {

std::optional<std::int64_t> LineAllowance::Take(absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  if (now > last_) {
    left_ = std::min(left_ + absl::ToDoubleSeconds(now - last_), static_cast<double>(kAtOnce));
    last_ = now;
  }
  if (left_ < 1) {
    ++withheld_;
    return std::nullopt;
  }
  left_ -= 1;
  return std::exchange(withheld_, 0);
}

void RefusalLog::OnCallEnd(const services::CallRecord& record) {
  if (record.status.ok()) return;
  const std::string peer = services::PeerOf(record);
  const Trace trace = TraceOf(record.context);
  Add({.service = record.name.service,
       .method = record.name.method,
       .model = record.model,
       .caller = record.caller,
       .peer = peer,
       .trace_id = trace.trace_id,
       .status = record.status});
}

void RefusalLog::Add(const Asked& asked) {
  const std::optional<access::Refusal> refusal = access::RefusalOf(asked.status);
  if (!refusal.has_value()) return;
  counts_.Add(*refusal);
  if (!LogEnabled(LogLevel::kWarning)) return;
  const std::optional<std::int64_t> withheld = lines_.Take(SteadyNow());
  if (!withheld.has_value()) return;
  // A call that was not let in has no permit to name its caller by.
  const std::map<std::string, std::string> facts = GetErrorDetails(asked.status).metadata;
  const auto named = facts.find("caller");
  const std::string_view caller = named == facts.end() ? asked.caller : named->second;
  Log(LogLevel::kWarning, "a call was refused",
      {{"reason", access::ReasonOf(*refusal)},
       {"service", asked.service},
       {"method", asked.method},
       {"model", asked.model},
       {"caller", caller},
       {"trace_id", asked.trace_id},
       {"peer", asked.peer},
       {"more_not_logged", *withheld}});
}

}  // namespace descent::ops
