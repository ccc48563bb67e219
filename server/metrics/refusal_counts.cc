#include "server/metrics/refusal_counts.h"

#include <array>
#include <string_view>

#include "core/error.h"
#include "server/metrics/families.h"

namespace descent::metrics {
namespace {

// As go-grpc-prometheus writes them, in the order of their numbers.
constexpr std::array<std::string_view, 17> kCodeNames = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

constexpr std::string_view kNoReason = "NONE";
constexpr std::string_view kOtherReason = "OTHER";

constexpr std::array<std::pair<absl::StatusCode, std::string_view>, 20> kKnown = {{
    {absl::StatusCode::kResourceExhausted, "QUEUE_FULL"},
    {absl::StatusCode::kResourceExhausted, "MEMORY_BUDGET"},
    {absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY"},
    {absl::StatusCode::kResourceExhausted, "STORAGE_FULL"},
    {absl::StatusCode::kResourceExhausted, "TOO_MANY_SESSIONS"},
    {absl::StatusCode::kResourceExhausted, "TOO_MANY_MODELS"},
    {absl::StatusCode::kResourceExhausted, "TOO_MANY_STREAMS"},
    {absl::StatusCode::kResourceExhausted, "TOO_MANY_BACKUPS"},
    {absl::StatusCode::kResourceExhausted, "TOO_MANY_CALLS"},
    {absl::StatusCode::kResourceExhausted, "TOO_MANY_BYTES"},
    {absl::StatusCode::kResourceExhausted, "RATE_EXCEEDED"},
    {absl::StatusCode::kUnavailable, "STARTING"},
    {absl::StatusCode::kUnavailable, "DRAINING"},
    {absl::StatusCode::kUnavailable, "RECOVERING"},
    {absl::StatusCode::kUnavailable, "STORAGE_FAILED"},
    {absl::StatusCode::kUnauthenticated, "CREDENTIALS_MISSING"},
    {absl::StatusCode::kUnauthenticated, "CREDENTIALS_MALFORMED"},
    {absl::StatusCode::kUnauthenticated, "CREDENTIALS_UNKNOWN"},
    {absl::StatusCode::kPermissionDenied, "ROLE_NOT_PERMITTED"},
    {absl::StatusCode::kPermissionDenied, "MODEL_NOT_PERMITTED"},
}};

bool IsRefusal(absl::StatusCode code) {
  return code == absl::StatusCode::kResourceExhausted || code == absl::StatusCode::kUnavailable ||
         code == absl::StatusCode::kUnauthenticated || code == absl::StatusCode::kPermissionDenied;
}

}  // namespace

std::string_view CodeName(absl::StatusCode code) {
  const auto number = static_cast<std::size_t>(code);
  return number < kCodeNames.size() ? kCodeNames[number] : "Unknown";
}

RefusalCounts::RefusalCounts() {
  const absl::MutexLock lock(&mutex_);
  for (const auto& [code, reason] : kKnown) counts_[{code, std::string(reason)}] = 0;
}

void RefusalCounts::Add(const absl::Status& status) {
  if (!IsRefusal(status.code())) return;
  Key key(status.code(), GetErrorDetails(status).reason);
  if (key.second.empty()) key.second = kNoReason;
  const absl::MutexLock lock(&mutex_);
  if (counts_.size() >= kMostReasons && !counts_.contains(key)) key.second = kOtherReason;
  ++counts_[std::move(key)];
}

prometheus::MetricFamily RefusalCounts::Collect() const {
  prometheus::MetricFamily family =
      Counter("descent_refused_calls_total",
              "Calls that ended with RESOURCE_EXHAUSTED, UNAVAILABLE, UNAUTHENTICATED or "
              "PERMISSION_DENIED, by the reason of their error.");
  const absl::MutexLock lock(&mutex_);
  for (const auto& [key, count] : counts_) {
    AddSeries(static_cast<double>(count),
              {{"grpc_code", CodeName(key.first)}, {"reason", key.second}}, &family);
  }
  return family;
}

}  // namespace descent::metrics
