#include "server/http/site.h"

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/exceptions.h"
#include "nlohmann/json.hpp"
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

Answer NotAllowed(std::string_view allowed) {
  const std::string methods(allowed);
  return {.status = 405,
          .body = absl::StrCat("expected ", absl::StrReplaceAll(methods, {{", ", " or "}}), "\n"),
          .headers = {{"Allow", methods}}};
}

bool IsOfProtocol(std::string_view target) {
  constexpr std::string_view kRoot = "/v2";
  if (!target.starts_with(kRoot)) return false;
  const std::string_view rest = target.substr(kRoot.size());
  return rest.empty() || rest.front() == '/' || rest.front() == '?';
}

}  // namespace

Answer ErrorFor(std::string_view target, Answer answer) {
  if (answer.status < 400 || !answer.type.starts_with("text/plain") || !IsOfProtocol(target)) {
    return answer;
  }
  answer.type = "application/json";
  answer.body =
      nlohmann::json({{"error", std::string(absl::StripTrailingAsciiWhitespace(answer.body))}})
          .dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
  return answer;
}

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

const Route* Site::Find(std::string_view path, Method method, std::string* allowed) const {
  for (const Route& route : routes_) {
    if (!Leads(route, path)) continue;
    if (route.method == method) return &route;
    absl::StrAppend(allowed, allowed->empty() ? "" : ", ",
                    route.method == Method::kGet ? "GET, HEAD" : "POST");
  }
  return nullptr;
}

std::variant<Answer, Visit> Site::Receive(const RequestHead& head) const {
  const bool is_post = head.method == "POST";
  if (!is_post && head.method != "GET" && head.method != "HEAD") return NotAllowed("GET, HEAD");
  absl::StatusOr<Target> target = ParseTarget(head.target);
  if (!target.ok()) return AnswerOf(target.status());
  std::string allowed;
  const Route* const route = Find(target->path, is_post ? Method::kPost : Method::kGet, &allowed);
  Request request{.path = std::move(target->path), .query = std::move(target->query)};
  const bool is_open = route != nullptr && route->audience == Audience::kEverybody;
  if (access_ != nullptr && !is_open) {
    absl::StatusOr<access::Credentials> credentials =
        access::HttpCredentials(head.authorization, head.certificate);
    absl::StatusOr<std::unique_ptr<services::CallPermit>> permit =
        access_->AdmitToPages(credentials);
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
    if (route != nullptr && route->deferred != nullptr) {
      request.visitor.admit = [access = access_, credentials = std::move(credentials)](
                                  const services::MethodName& name) {
        return access->AdmitCaller(name, credentials);
      };
    }
  }
  if (route == nullptr && !allowed.empty()) return NotAllowed(allowed);
  if (route == nullptr) return AnswerOf(absl::NotFoundError("there is nothing here"));
  return Visit{.route = route, .request = std::move(request)};
}

Answer Site::Run(const Visit& visit) {
  return Run(visit.route->path, [&] { return visit.route->handler(visit.request); });
}

void Site::Run(Visit visit, const Later& later) {
  const Route& route = *visit.route;
  Answer failed = Run(route.path, [&] {
    route.deferred(std::move(visit.request), later);
    return Answer{};
  });
  if (failed.status != 200) {
    later([failed = std::move(failed)] { return failed; });
  }
}

Answer Site::Run(std::string_view path, const Later::Make& make) {
  absl::StatusOr<Answer> answer =
      CatchExceptions([&]() -> absl::StatusOr<Answer> { return make(); });
  if (answer.ok()) return *std::move(answer);
  const std::string error(answer.status().message());
  ops::Log(ops::LogLevel::kError, "a page could not be made",
           {{"path", path}, {"error", std::string_view(error)}});
  return {.status = 500, .body = "the page could not be made; the server's log says why\n"};
}

}  // namespace descent::http
