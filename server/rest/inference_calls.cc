#include "server/rest/inference_calls.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "clock/steady.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace descent::rest {
namespace {

// Nobody tells by HTTP how long they wait.
constexpr absl::Duration kTime = absl::Seconds(60);
constexpr char kTraceparent[] = "traceparent";

// gRPC takes no metadata but of some characters, and a trace has fewer.
bool IsTrace(std::string_view value) {
  return !value.empty() && value.size() <= 128 &&
         std::all_of(value.begin(), value.end(),
                     [](unsigned char c) { return std::isxdigit(c) != 0 || c == '-'; });
}

unsigned StatusNumberOf(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::OUT_OF_RANGE:
      return 400;
    case grpc::StatusCode::UNAUTHENTICATED:
      return 401;
    case grpc::StatusCode::PERMISSION_DENIED:
      return 403;
    case grpc::StatusCode::NOT_FOUND:
      return 404;
    case grpc::StatusCode::ABORTED:
      return 409;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return 429;
    case grpc::StatusCode::UNIMPLEMENTED:
      return 501;
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::CANCELLED:
      return 503;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return 504;
    default:
      return 500;
  }
}

// In whole seconds, at least one; 0: nothing is said.
std::int64_t RetryAfter(const grpc::Status& status) {
  google::rpc::Status rich;
  if (!rich.ParseFromString(status.error_details())) return 0;
  for (const auto& detail : rich.details()) {
    google::rpc::RetryInfo retry;
    if (!detail.UnpackTo(&retry)) continue;
    return std::max<std::int64_t>(
        1, retry.retry_delay().seconds() + (retry.retry_delay().nanos() > 0 ? 1 : 0));
  }
  return 0;
}

}  // namespace

void InferenceCalls::Introduce(const http::Request& request, const std::string& ticket,
                               grpc::ClientContext* context) {
  context->AddMetadata(services::kVisitorTicket, ticket);
  if (const std::string_view trace = request.Header(kTraceparent); IsTrace(trace)) {
    context->AddMetadata(kTraceparent, std::string(trace));
  }
  context->set_deadline(ToSystemClock(SteadyNow() + kTime));
}

http::Answer AnswerOf(const grpc::Status& status) {
  http::Answer answer{.status = StatusNumberOf(status.error_code()),
                      .body = absl::StrCat(status.error_message(), "\n")};
  if (const std::int64_t seconds = RetryAfter(status); seconds > 0) {
    answer.headers.emplace_back("Retry-After", absl::StrCat(seconds));
  }
  return answer;
}

}  // namespace descent::rest
