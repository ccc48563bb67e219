#include "server/wire/status.h"

#include <cstddef>
#include <string>
#include <string_view>

#include "core/check.h"
#include "core/error.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/time_util.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace descent::wire {
namespace {

// What travels is at most three messages (percent-encoded, in the details and in the violation) and
// the facts, in base64.
constexpr std::size_t kLongestMessage = 512;
constexpr std::size_t kLongestValue = 128;
constexpr std::size_t kMostFacts = 12;

// At most `limit` bytes of `text`, cut between two characters.
std::string Shorten(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  constexpr std::string_view kEllipsis = "...";
  std::size_t end = limit - kEllipsis.size();
  const auto is_continuation = [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
  };
  while (end > 0 && is_continuation(text[end])) --end;
  return std::string(text.substr(0, end)).append(kEllipsis);
}

google::rpc::ErrorInfo MakeErrorInfo(const absl::Status& status, const ErrorDetails& details) {
  google::rpc::ErrorInfo info;
  info.set_domain(kErrorDomain);
  info.set_reason(details.reason.empty() ? absl::StatusCodeToString(status.code())
                                         : details.reason);
  auto& metadata = *info.mutable_metadata();
  if (!details.field.empty()) metadata["field"] = Shorten(details.field, kLongestValue);
  for (const auto& [key, value] : details.metadata) {
    if (metadata.size() >= kMostFacts) break;
    metadata[Shorten(key, kLongestValue)] = Shorten(value, kLongestValue);
  }
  return info;
}

void AddDetail(const google::protobuf::Message& detail, google::rpc::Status* rich) {
  DESCENT_CHECK(rich->add_details()->PackFrom(detail));
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const ErrorDetails details = GetErrorDetails(status);
  const std::string message =
      Shorten({status.message().data(), status.message().size()}, kLongestMessage);

  google::rpc::Status rich;
  rich.set_code(static_cast<int>(status.code()));
  rich.set_message(message);
  AddDetail(MakeErrorInfo(status, details), &rich);
  if (!details.field.empty()) {
    google::rpc::BadRequest bad_request;
    auto& violation = *bad_request.add_field_violations();
    violation.set_field(Shorten(details.field, kLongestValue));
    violation.set_description(message);
    AddDetail(bad_request, &rich);
  }
  if (details.retry_after > absl::ZeroDuration()) {
    google::rpc::RetryInfo retry;
    *retry.mutable_retry_delay() = google::protobuf::util::TimeUtil::NanosecondsToDuration(
        absl::ToInt64Nanoseconds(details.retry_after));
    AddDetail(retry, &rich);
  }
  return {static_cast<grpc::StatusCode>(status.code()), message, rich.SerializeAsString()};
}

}  // namespace descent::wire
