// The access file's text, TOML:
//
//   [[caller]]
//   name = "pricing-trainer"          # for people and the log
//   token_sha256 = "9f86d0…"          # or certificate = "spiffe://example/pricing", "CN=pricing"
//   role = "trainer"                  # reader, trainer or admin
//   models = ["pricing-*", "rates"]   # unset: every model

#ifndef SERVER_ACCESS_PARSE_RULES_H_
#define SERVER_ACCESS_PARSE_RULES_H_

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/access/rules.h"

namespace descent::access {

inline constexpr std::size_t kMostCallers = 1024;
inline constexpr std::size_t kMostPatterns = 256;  // of one caller

// INVALID_ARGUMENT whose message says where it is wrong, what came and what was expected:
// "access.toml:4: caller[1].role: expected reader, trainer or admin, got 'writer'". It repeats
// nothing that might be a token. What is not known, said twice, or contradicts itself is an error,
// and so is a file without a caller.
absl::StatusOr<Rules> ParseRules(std::string_view text, std::string_view path);

}  // namespace descent::access

#endif  // SERVER_ACCESS_PARSE_RULES_H_
