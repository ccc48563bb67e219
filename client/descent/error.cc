#include "client/descent/error.h"

#include <google/protobuf/util/time_util.h>

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
    details.retry_delay = absl::Nanoseconds(
        google::protobuf::util::TimeUtil::DurationToNanoseconds(retry.retry_delay()));
  }
  return details;
}

}  // namespace descent::client
