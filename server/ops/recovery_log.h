// Lines of the log about recovery.

#ifndef SERVER_OPS_RECOVERY_LOG_H_
#define SERVER_OPS_RECOVERY_LOG_H_

#include <cstdint>
#include <string>

#include "server/models/registry/recovery_runner.h"

namespace descent::ops {

// Thread-safe.
class RecoveryLog final : public models::RecoveryObserver {
 public:
  void OnProgress(const std::string& model, std::int64_t replayed,
                  std::int64_t remaining_bytes) override;
  void OnModel(const std::string& model, const absl::Status& status,
               const models::Replayed& replayed, absl::Duration duration) override;
  // All models are served or quarantined.
  static void OnDone(const models::RecoverySummary& summary);
};

}  // namespace descent::ops

#endif  // SERVER_OPS_RECOVERY_LOG_H_
