#include "endpoint/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace descent::endpoint {
namespace {

constexpr absl::string_view kUnix = "unix:";
constexpr int kUsualPort = 50051;

absl::Status Wrong(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("'", text, "': ", what));
}

bool IsAddress(int family, const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(family, text.c_str(), bytes) == 1;
}

// An IPv6 address, maybe with the interface that a link-local one needs (fe80::1%eth0).
bool IsIpv6(absl::string_view text) {
  return IsAddress(AF_INET6, std::string(text.substr(0, text.find('%'))));
}

bool IsHostName(absl::string_view host) {
  const bool dotted_number = std::all_of(host.begin(), host.end(),
                                         [](char c) { return absl::ascii_isdigit(c) || c == '.'; });
  if (dotted_number) return IsAddress(AF_INET, std::string(host));
  return !host.empty() && host.front() != '.' && std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' ||
           (static_cast<unsigned char>(c) & 0x80) != 0;  // names in other alphabets
  });
}

// 0.0.0.0 and ::, which reach this machine, and are reached at all of its addresses.
bool IsAnyAddress(const std::string& host) {
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return four.s_addr == htonl(INADDR_ANY);
  in6_addr six{};
  return inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_UNSPECIFIED(&six);
}

bool IsLoopbackHost(absl::string_view host) {
  std::string name = absl::AsciiStrToLower(absl::StripSuffix(host, "."));
  for (const absl::string_view local : {"localhost", "ip6-localhost", "ip6-loopback"}) {
    if (name == local) return true;
  }
  if (absl::EndsWith(name, ".localhost")) return true;
  if (IsAnyAddress(name)) return true;
  in_addr four{};
  if (inet_pton(AF_INET, name.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  in6_addr six{};
  if (inet_pton(AF_INET6, name.c_str(), &six) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
}

// "" or the host, without brackets, of HOST:PORT. `whole` is what errors quote.
absl::StatusOr<std::string> HostOf(absl::string_view whole, absl::string_view text,
                                   int least_port) {
  const std::string form =
      absl::StrCat("expected HOST:PORT with a port from ", least_port, " to 65535");
  if (text.empty()) return Wrong(whole, absl::StrCat(form, ", such as 127.0.0.1:", kUsualPort));
  if (std::any_of(text.begin(), text.end(), [](char c) { return absl::ascii_isspace(c); })) {
    return Wrong(whole, absl::StrCat("there is a space in it; ", form));
  }
  if (IsIpv6(text)) {
    return Wrong(whole, absl::StrCat("an IPv6 address goes in brackets, with a port behind them: [",
                                     text, "]:", kUsualPort));
  }
  const std::size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || text.back() == ']') {
    return Wrong(whole, absl::StrCat("the port is missing; ", form, ": ", text, ":", kUsualPort));
  }
  absl::string_view host = text.substr(0, colon);
  const absl::string_view digits = text.substr(colon + 1);
  if (IsIpv6(host)) {
    return Wrong(whole, absl::StrCat("an IPv6 address goes in brackets: [", host, "]:", digits));
  }
  int port = -1;
  const bool number =
      !digits.empty() && std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit);
  if (!number || !absl::SimpleAtoi(digits, &port) || port < least_port || port > 65535) {
    return Wrong(whole, absl::StrCat(form, ", got port '", digits, "'"));
  }
  if (host.empty()) {
    return Wrong(whole, absl::StrCat("the host is missing; ", form,
                                     least_port == 0 ? " (all addresses: 0.0.0.0 or [::])" : ""));
  }
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (IsIpv6(host)) return std::string(host);
    return Wrong(whole, "there is no IPv6 address between the brackets");
  }
  if (!IsHostName(host)) return Wrong(whole, absl::StrCat("'", host, "' is no host; ", form));
  return std::string(host);
}

absl::Status CheckUnixPath(absl::string_view text) {
  const absl::string_view path = UnixPath(text);
  if (path.empty()) return Wrong(text, "expected unix:PATH or unix:///PATH");
  constexpr std::size_t kMost = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > kMost) {
    return Wrong(text, absl::StrCat("the path of a Unix socket has at most ", kMost, " bytes"));
  }
  return absl::OkStatus();
}

// What stands before "://" or, for gRPC's own, before the first colon; empty for HOST:PORT.
absl::string_view SchemeOf(absl::string_view text) {
  if (const std::size_t end = text.find("://"); end != absl::string_view::npos) {
    return text.substr(0, end);
  }
  for (const absl::string_view scheme : {"unix", "unix-abstract", "dns", "ipv4", "ipv6", "xds"}) {
    const bool has_scheme = absl::StartsWith(text, scheme) && text.substr(scheme.size(), 1) == ":";
    // A host may have such a name: dns:50051.
    int port = 0;
    if (has_scheme && !absl::SimpleAtoi(text.substr(scheme.size() + 1), &port)) return scheme;
  }
  return "";
}

absl::Status WrongScheme(absl::string_view text, absl::string_view scheme) {
  absl::string_view rest = text.substr(scheme.size() + 3);
  rest = rest.substr(0, rest.find('/'));
  absl::StatusOr<std::string> host = HostOf(text, rest, 1);
  return Wrong(
      text, absl::StrCat("expected HOST:PORT without ", scheme, "://, such as ",
                         host.ok() ? std::string(rest) : absl::StrCat("127.0.0.1:", kUsualPort)));
}

// What is behind `dns:` or `dns://SERVER/`, or behind `ipv4:`.
absl::string_view NameIn(absl::string_view text, absl::string_view scheme) {
  absl::string_view rest = text.substr(scheme.size() + 1);
  if (absl::ConsumePrefix(&rest, "//")) {
    const std::size_t slash = rest.find('/');
    return slash == absl::string_view::npos ? "" : rest.substr(slash + 1);
  }
  absl::ConsumePrefix(&rest, "/");
  return rest;
}

}  // namespace

absl::string_view UnixPath(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, kUnix)) return "";
  if (!absl::StartsWith(text, "//")) return text;
  return absl::StartsWith(text, "///") ? text.substr(2) : "";
}

absl::StatusOr<Target> ParseTarget(absl::string_view text) {
  const absl::string_view scheme = SchemeOf(text);
  Target target{.name = std::string(text), .host = "", .is_loopback = false};
  if (scheme.empty()) {
    absl::StatusOr<std::string> host = HostOf(text, text, 1);
    if (!host.ok()) return host.status();
    target.host = *std::move(host);
    target.is_loopback = IsLoopbackHost(target.host);
    return target;
  }
  if (scheme == "unix" || scheme == "unix-abstract") {
    if (scheme == "unix") {
      if (absl::Status status = CheckUnixPath(text); !status.ok()) return status;
    }
    target.is_loopback = true;
    return target;
  }
  if (scheme == "xds") return target;
  if (scheme != "dns" && scheme != "ipv4" && scheme != "ipv6") return WrongScheme(text, scheme);
  target.is_loopback = true;
  for (const absl::string_view name : absl::StrSplit(NameIn(text, scheme), ',')) {
    absl::StatusOr<std::string> host = HostOf(text, name, 1);
    if (!host.ok()) return host.status();
    target.host = *std::move(host);
    target.is_loopback = target.is_loopback && IsLoopbackHost(target.host);
  }
  return target;
}

absl::Status CheckListenAddress(absl::string_view text) {
  const absl::string_view scheme = SchemeOf(text);
  if (scheme == "unix") return CheckUnixPath(text);
  if (!scheme.empty()) {
    return Wrong(text, absl::StrCat("expected HOST:PORT without ", scheme, ":, or unix:PATH"));
  }
  return HostOf(text, text, 0).status();
}

bool IsOnlyLocal(absl::string_view address) {
  if (!UnixPath(address).empty()) return true;
  const absl::StatusOr<std::string> host = HostOf(address, address, 0);
  return host.ok() && IsLoopbackHost(*host) && !IsAnyAddress(*host);
}

std::string ReachableAddress(absl::string_view address) {
  if (absl::ConsumePrefix(&address, "0.0.0.0:")) return absl::StrCat("127.0.0.1:", address);
  if (absl::ConsumePrefix(&address, "[::]:")) return absl::StrCat("[::1]:", address);
  return std::string(address);
}

}  // namespace descent::endpoint
