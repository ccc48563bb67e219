#include "server/http/target.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace descent::http {
namespace {

absl::Status Wrong(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("the request's target ", what));
}

std::optional<int> DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

bool IsControl(char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }

absl::StatusOr<std::string> Unescape(std::string_view text, bool plus_is_space) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const std::optional<int> high = i + 1 < text.size() ? DigitOf(text[i + 1]) : std::nullopt;
      const std::optional<int> low = i + 2 < text.size() ? DigitOf(text[i + 2]) : std::nullopt;
      if (!high.has_value() || !low.has_value()) {
        return Wrong("has a '%' without two hexadecimal digits after it");
      }
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (IsControl(c)) return Wrong("has a control character");
    plain.push_back(c);
  }
  return plain;
}

absl::Status ReadQuery(std::string_view text, std::map<std::string, std::string>* query) {
  std::size_t parameters = 0;
  while (!text.empty()) {
    const std::size_t ends = std::min(text.find('&'), text.size());
    const std::string_view parameter = text.substr(0, ends);
    text.remove_prefix(std::min(ends + 1, text.size()));
    if (parameter.empty()) continue;
    if (++parameters > kMostParameters) return Wrong("has more than 16 parameters");
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    absl::StatusOr<std::string> name = Unescape(parameter.substr(0, equals), true);
    if (!name.ok()) return name.status();
    absl::StatusOr<std::string> value =
        Unescape(parameter.substr(std::min(equals + 1, parameter.size())), true);
    if (!value.ok()) return value.status();
    query->emplace(*std::move(name), *std::move(value));
  }
  return absl::OkStatus();
}

// What follows the scheme and the authority, if they are there.
std::string_view WithoutAuthority(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::size_t path = text.find('/', scheme.size());
    return path == std::string_view::npos ? std::string_view("/") : text.substr(path);
  }
  return text;
}

}  // namespace

absl::StatusOr<Target> ParseTarget(std::string_view text) {
  if (text.size() > kMostTargetBytes) return Wrong("has more than 2048 bytes");
  text = WithoutAuthority(text);
  if (!text.starts_with('/')) return Wrong("does not begin with '/'");
  const std::size_t path_ends = std::min(text.find('?'), text.size());
  absl::StatusOr<std::string> path = Unescape(text.substr(0, path_ends), false);
  if (!path.ok()) return path.status();
  Target target{.path = *std::move(path), .query = {}};
  const std::string_view query = text.substr(std::min(path_ends + 1, text.size()));
  if (absl::Status status = ReadQuery(query, &target.query); !status.ok()) return status;
  return target;
}

std::string EscapeForQuery(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || std::string_view("-._~").find(c) != std::string_view::npos) {
      escaped.push_back(c);
    } else {
      escaped.push_back('%');
      escaped.push_back(kDigits[byte >> 4]);
      escaped.push_back(kDigits[byte & 15]);
    }
  }
  return escaped;
}

}  // namespace descent::http
