#include "server/ops/recovery_log.h"

#include <string_view>

#include "core/error.h"
#include "server/ops/log.h"

namespace descent::ops {

void RecoveryLog::OnProgress(const std::string& model, std::int64_t replayed,
                             std::int64_t remaining_bytes) {
  Log(LogLevel::kInfo, "recovering",
      {{"model", model}, {"replayed_updates", replayed}, {"remaining_bytes", remaining_bytes}});
}

void RecoveryLog::OnModel(const std::string& model, const absl::Status& status,
                          const models::Replayed& replayed, absl::Duration duration) {
  if (status.ok()) {
    if (replayed.of_other_engines > 0) {
      Log(LogLevel::kWarning,
          "updates were applied again without comparing hashes: they are of another engine "
          "version, "
          "or of before versions were recorded",
          {{"model", model}, {"updates", replayed.of_other_engines}});
    }
    Log(LogLevel::kInfo, "recovered",
        {{"model", model},
         {"replayed_updates", replayed.updates},
         {"compared_hashes", replayed.compared_hashes},
         {"seconds", absl::ToDoubleSeconds(duration)}});
    return;
  }
  const std::string reason = GetErrorDetails(status).reason;
  Log(LogLevel::kError, "quarantined: the model is refused, the others are served",
      {{"model", model},
       {"code", std::string_view(absl::StatusCodeToString(status.code()))},
       {"reason", std::string_view(reason)},
       {"error", std::string_view(status.message().data(), status.message().size())}});
}

void RecoveryLog::OnDone(const models::RecoverySummary& summary) {
  if (summary.recovered + summary.quarantined == 0) return;
  Log(summary.quarantined == 0 ? LogLevel::kInfo : LogLevel::kWarning, "recovery done",
      {{"recovered", summary.recovered},
       {"quarantined", summary.quarantined},
       {"replayed_updates", summary.replayed},
       {"seconds", absl::ToDoubleSeconds(summary.duration)}});
}

}  // namespace descent::ops
