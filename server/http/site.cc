#include "server/http/site.h"

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/exceptions.h"
#include "server/access/credentials.h"
#include "server/http/target.h"
#include "server/ops/log.h"

namespace descent::http {
namespace {

unsigned StatusNumber(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

bool Leads(const Route& route, std::string_view path) {
  const std::string_view pattern = route.path;
  if (!pattern.ends_with("/*")) return path == pattern;
  const std::string_view prefix = pattern.substr(0, pattern.size() - 1);
  return path.size() > prefix.size() && path.starts_with(prefix);
}

}  // namespace

Answer AnswerOf(const absl::Status& status) {
  Answer answer{.status = StatusNumber(status.code()),
                .body = absl::StrCat(status.message(), "\n")};
  if (answer.status == 401) {
    answer.headers = {{"WWW-Authenticate", "Bearer realm=\"descent\""},
                      {"WWW-Authenticate", "Basic realm=\"descent\", charset=\"UTF-8\""}};
  }
  return answer;
}

Site::Site(std::vector<Route> routes, access::Access* access, ops::RefusalLog* refusals)
    : routes_(std::move(routes)), access_(access), refusals_(refusals) {}

const Route* Site::Find(std::string_view path) const {
  for (const Route& route : routes_) {
    if (Leads(route, path)) return &route;
  }
  return nullptr;
}

std::variant<Answer, Visit> Site::Receive(const RequestHead& head) const {
  if (head.method != "GET" && head.method != "HEAD") {
    return Answer{
        .status = 405, .body = "expected GET or HEAD\n", .headers = {{"Allow", "GET, HEAD"}}};
  }
  absl::StatusOr<Target> target = ParseTarget(head.target);
  if (!target.ok()) return AnswerOf(target.status());
  const Route* const route = Find(target->path);
  Request request{.path = std::move(target->path), .query = std::move(target->query)};
  const bool is_open = route != nullptr && route->audience == Audience::kEverybody;
  if (access_ != nullptr && !is_open) {
    absl::StatusOr<std::unique_ptr<services::CallPermit>> permit =
        access_->AdmitToPages(access::HttpCredentials(head.authorization, head.certificate));
    if (!permit.ok()) {
      refusals_->Add({.service = "http",
                      .method = route == nullptr ? std::string_view() : route->path,
                      .model = {},
                      .caller = {},
                      .peer = head.peer,
                      .status = permit.status()});
      return AnswerOf(permit.status());
    }
    request.permit = *std::move(permit);
  }
  if (route == nullptr) return AnswerOf(absl::NotFoundError("there is nothing here"));
  return Visit{.route = route, .request = std::move(request)};
}

Answer Site::Run(const Visit& visit) {
  absl::StatusOr<Answer> answer = CatchExceptions(
      [&]() -> absl::StatusOr<Answer> { return visit.route->handler(visit.request); });
  if (answer.ok()) return *std::move(answer);
  const std::string error(answer.status().message());
  ops::Log(ops::LogLevel::kError, "a page could not be made",
           {{"path", visit.route->path}, {"error", std::string_view(error)}});
  return {.status = 500, .body = "the page could not be made; the server's log says why\n"};
}

}  // namespace descent::http
