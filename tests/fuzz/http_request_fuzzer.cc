#include "tests/fuzz/http_request_fuzzer.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "server/access/access.h"
#include "server/access/credentials.h"
#include "server/access/rules.h"
#include "server/http/port.h"
#include "server/http/probes.h"
#include "server/http/site.h"
#include "server/http/target.h"
#include "server/ops/file.h"
#include "server/ops/refusal_log.h"

namespace descent::http {
namespace {

constexpr std::string_view kPage = "a page that only who is known may see";
constexpr std::string_view kToken = "a-token";

access::Rules OneCaller() {
  std::vector<access::Caller> callers;
  callers.push_back({.name = "me",
                     .role = access::Role::kReader,
                     .credential = access::Sha256(kToken),
                     .models = {}});
  return access::Rules(std::move(callers));
}

// A site with a page beside the probes, and its rules. Never taken down.
struct Guarded {
  access::Access access{OneCaller()};
  ops::RefusalLog refusals;
  std::vector<Route> routes = ProbeRoutes([] { return true; });

  Guarded() {
    const auto page = [](const Request& /*request*/) { return Answer{.body = std::string(kPage)}; };
    routes.push_back({.path = "/", .handler = page});
    routes.push_back({.path = "/models/*", .handler = page});
  }
  Site MakeSite() { return {routes, &access, &refusals}; }
};

Guarded& Everything() {
  static auto* const guarded = new Guarded;
  return *guarded;
}

void CheckTarget(std::string_view text) {
  const absl::StatusOr<Target> target = ParseTarget(text);
  if (target.ok()) {
    DESCENT_CHECK(target->path.starts_with('/') && target->path.size() <= kMostTargetBytes);
    DESCENT_CHECK(target->query.size() <= kMostParameters);
    const auto is_control = [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    };
    DESCENT_CHECK(std::none_of(target->path.begin(), target->path.end(), is_control));
    for (const auto& [name, value] : target->query) {
      DESCENT_CHECK(std::none_of(value.begin(), value.end(), is_control));
      const std::string again =
          absl::StrCat("/?", EscapeForQuery(name), "=", EscapeForQuery(value));
      if (again.size() > kMostTargetBytes) continue;  // three times as long at most
      const absl::StatusOr<Target> same = ParseTarget(again);
      DESCENT_CHECK(same.ok() && same->query.at(name) == value);
    }
  } else {
    DESCENT_CHECK(target.status().code() == absl::StatusCode::kInvalidArgument);
    DESCENT_CHECK(target.status().message().size() < 200);
  }
  static const Site* const site = new Site(Everything().MakeSite());
  const auto received = site->Receive({.method = "GET", .target = text});
  if (const auto* visit = std::get_if<Visit>(&received)) {
    DESCENT_CHECK(visit->route->audience == Audience::kEverybody);
  } else {
    const unsigned status = std::get<Answer>(received).status;
    DESCENT_CHECK(status == (target.ok() ? 401U : 400U));
  }
}

void CheckAuthorization(std::string_view text) {
  const absl::StatusOr<access::Digest> digest = access::ReadHttpAuthorization(text);
  if (digest.ok()) return;
  DESCENT_CHECK(digest.status().code() == absl::StatusCode::kUnauthenticated);
  DESCENT_CHECK(digest.status().message().size() < 200);
}

std::unique_ptr<Port> StartPort() {
  PortOptions options;
  options.address = absl::StrCat("unix:/tmp/descent_http_fuzzer_", getpid(), ".sock");
  absl::StatusOr<std::unique_ptr<Port>> port =
      Port::Start(options, nullptr, Everything().MakeSite());
  DESCENT_CHECK(port.ok());
  return *std::move(port);
}

// Where the port is, which is started with the first input and ends with the process.
std::string PortPath() {
  static const std::unique_ptr<Port> port = StartPort();
  return port->address().substr(std::string_view("unix:").size());
}

ops::File Connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = PortPath();
  std::memcpy(address.sun_path, path.data(), path.size());
  ops::File file(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  DESCENT_CHECK(
      connect(file.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return file;
}

// What comes back for bytes after which nothing follows.
std::string AnswersTo(std::string_view bytes) {
  const ops::File file = Connect();
  while (!bytes.empty()) {
    const ssize_t sent = send(file.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;  // it has heard enough
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  shutdown(file.number(), SHUT_WR);
  std::string answers;
  std::array<char, 4096> received{};
  for (ssize_t size = 0; (size = recv(file.number(), received.data(), received.size(), 0)) > 0;) {
    answers.append(received.data(), static_cast<std::size_t>(size));
  }
  return answers;
}

void CheckConnection(std::string_view bytes) {
  const std::string answers = AnswersTo(bytes);
  DESCENT_CHECK(answers.empty() || answers.starts_with("HTTP/1."));
  // In Basic the token has more than one spelling.
  const std::string lower = absl::AsciiStrToLower({bytes.data(), bytes.size()});
  if (lower.find(kToken) == std::string::npos && lower.find("basic") == std::string::npos) {
    DESCENT_CHECK(answers.find(kPage) == std::string::npos);
  }
  static int inputs = 0;
  if (++inputs % 64 == 0) {
    DESCENT_CHECK(AnswersTo("GET /livez HTTP/1.0\r\n\r\n").find(" 200 ") == 8);
  }
}

}  // namespace
}  // namespace descent::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The entry point stands outside of all namespaces.
  using namespace descent;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (static_cast<HttpText>(data[0] % kHttpTexts)) {
    case HttpText::kConnection:
      http::CheckConnection(text);
      break;
    case HttpText::kTarget:
      http::CheckTarget(text);
      break;
    case HttpText::kAuthorization:
      http::CheckAuthorization(text);
      break;
  }
  return 0;
}
