// Why a call is refused: the statuses, and how many there were of each.

#ifndef SERVER_ACCESS_REFUSAL_H_
#define SERVER_ACCESS_REFUSAL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/error.h"

namespace descent::access {

enum class Refusal : std::uint8_t {
  kNoCredentials,         // UNAUTHENTICATED (CREDENTIALS_MISSING)
  kMalformedCredentials,  // UNAUTHENTICATED (CREDENTIALS_MALFORMED)
  kUnknownCredentials,    // UNAUTHENTICATED (CREDENTIALS_UNKNOWN)
  kRole,                  // PERMISSION_DENIED (ROLE_NOT_PERMITTED)
  kModel,                 // PERMISSION_DENIED (MODEL_NOT_PERMITTED)
};
inline constexpr std::size_t kRefusals = 5;

// "CREDENTIALS_MISSING", …
std::string_view ReasonOf(Refusal refusal);

absl::Status Refuse(Refusal refusal, absl::string_view message, Metadata metadata = {});

// Which of them a status is; empty for any other.
std::optional<Refusal> RefusalOf(const absl::Status& status);

// Thread-safe.
class RefusalCounts {
 public:
  void Add(Refusal refusal) {
    counts_[static_cast<std::size_t>(refusal)].fetch_add(1, std::memory_order_relaxed);
  }
  // Since the beginning.
  std::int64_t of(Refusal refusal) const {
    return counts_[static_cast<std::size_t>(refusal)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::int64_t>, kRefusals> counts_{};
};

}  // namespace descent::access

#endif  // SERVER_ACCESS_REFUSAL_H_
