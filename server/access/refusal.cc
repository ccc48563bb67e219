#include "server/access/refusal.h"

#include <string>

namespace descent::access {
namespace {

struct Known {
  absl::StatusCode code;
  std::string_view reason;
};

// In the order of the enumeration.
constexpr Known kKnown[kRefusals] = {
    {absl::StatusCode::kUnauthenticated, "CREDENTIALS_MISSING"},
    {absl::StatusCode::kUnauthenticated, "CREDENTIALS_MALFORMED"},
    {absl::StatusCode::kUnauthenticated, "CREDENTIALS_UNKNOWN"},
    {absl::StatusCode::kPermissionDenied, "ROLE_NOT_PERMITTED"},
    {absl::StatusCode::kPermissionDenied, "MODEL_NOT_PERMITTED"},
};

}  // namespace

std::string_view ReasonOf(Refusal refusal) {
  return kKnown[static_cast<std::size_t>(refusal)].reason;
}

absl::Status Refuse(Refusal refusal, absl::string_view message, Metadata metadata) {
  const Known& known = kKnown[static_cast<std::size_t>(refusal)];
  return Error(known.code, known.reason, {message.data(), message.size()}, metadata);
}

std::optional<Refusal> RefusalOf(const absl::Status& status) {
  if (!absl::IsUnauthenticated(status) && !absl::IsPermissionDenied(status)) return std::nullopt;
  const std::string reason = GetErrorDetails(status).reason;
  for (std::size_t i = 0; i < kRefusals; ++i) {
    if (kKnown[i].reason == reason) return static_cast<Refusal>(i);
  }
  return std::nullopt;
}

}  // namespace descent::access
