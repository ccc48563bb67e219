#include "endpoint/proxy.h"

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace descent::endpoint {
namespace {

// Null where it is not set.
const char* Variable(const char* name) {
  return std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
}

// As gRPC looks: the first variable of the two that is set says which hosts, by the end of their
// names.
bool IsExcluded(absl::string_view host) {
  const char* value = Variable("no_grpc_proxy");
  if (value == nullptr) value = Variable("no_proxy");
  if (value == nullptr) return false;
  for (const absl::string_view entry : absl::StrSplit(value, ',', absl::SkipWhitespace())) {
    if (absl::EndsWith(host, absl::StripAsciiWhitespace(entry))) return true;
  }
  return false;
}

}  // namespace

std::string ThroughProxy(const Target& target) {
  if (!MayUseProxy(target) || IsExcluded(target.host)) return "";
  for (const char* name : {"grpc_proxy", "https_proxy", "http_proxy"}) {
    const char* value = Variable(name);
    if (value == nullptr) continue;
    absl::string_view proxy = value;
    if (!absl::ConsumePrefix(&proxy, "http://")) return "";  // gRPC knows no other
    proxy = proxy.substr(0, proxy.find('/'));
    if (const std::size_t user = proxy.rfind('@'); user != absl::string_view::npos) {
      proxy = proxy.substr(user + 1);
    }
    if (proxy.empty()) return "";
    return absl::StrCat(" through the proxy http://", proxy, " of $", name);
  }
  return "";
}

}  // namespace descent::endpoint
