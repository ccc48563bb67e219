#include "client/descent/error.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "google/rpc/error_details.pb.h"

namespace descent::client {
namespace {

// False when the status has no such detail, or one that does not parse.
template <typename Detail>
bool ReadDetail(const absl::Status& status, Detail& detail) {
  const absl::optional<absl::Cord> payload =
      status.GetPayload(absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name()));
  return payload.has_value() && detail.ParseFromString(std::string(*payload));
}

}  // namespace

ErrorDetails GetErrorDetails(const absl::Status& status) {
  ErrorDetails details;
  if (google::rpc::ErrorInfo info; ReadDetail(status, info)) {
    details.reason = info.reason();
    details.domain = info.domain();
    details.metadata.insert(info.metadata().begin(), info.metadata().end());
  }
  if (google::rpc::BadRequest request; ReadDetail(status, request)) {
    for (const auto& violation : request.field_violations()) {
      details.field_violations.push_back({violation.field(), violation.description()});
    }
  }
  if (google::rpc::RetryInfo retry; ReadDetail(status, retry)) {
    // Whatever numbers they are: absl's durations saturate.
    details.retry_delay =
        std::max(absl::ZeroDuration(), absl::Seconds(retry.retry_delay().seconds()) +
                                           absl::Nanoseconds(retry.retry_delay().nanos()));
  }
  return details;
}

}  // namespace descent::client
