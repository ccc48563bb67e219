// What a request asks for: the path and the query of its target (RFC 9112, 3.2).

#ifndef SERVER_HTTP_TARGET_H_
#define SERVER_HTTP_TARGET_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace descent::http {

inline constexpr std::size_t kMostTargetBytes = 2048;
inline constexpr std::size_t kMostParameters = 16;

struct Target {
  std::string path;                          // begins with "/"; what was escaped is not any more
  std::map<std::string, std::string> query;  // of a name that comes several times, the first
};

// From "/path?name=value&…", or with a scheme and an authority before it, which are passed over.
// INVALID_ARGUMENT, saying what is wrong, for anything else: an escape that is none, a control
// character, escaped or not, more than the bounds above.
absl::StatusOr<Target> ParseTarget(std::string_view text);

// As a value of a query.
std::string EscapeForQuery(std::string_view text);

}  // namespace descent::http

#endif  // SERVER_HTTP_TARGET_H_
