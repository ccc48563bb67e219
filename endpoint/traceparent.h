// Which trace a call belongs to, as W3C Trace Context has it in a header `traceparent`:
//
//   00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01

#ifndef ENDPOINT_TRACEPARENT_H_
#define ENDPOINT_TRACEPARENT_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace descent::endpoint {

inline constexpr char kTraceparentHeader[] = "traceparent";

// Parts of the text that was parsed, in lower-case hexadecimal digits.
struct Traceparent {
  absl::string_view trace_id;   // 32 digits, not all 0
  absl::string_view parent_id;  // 16 digits, not all 0: the caller's span
};

// Empty for anything that the standard does not call valid, which is to be taken for no header:
// capitals, other lengths, version ff. Of a later version than 00 the parts known here are read.
std::optional<Traceparent> ParseTraceparent(absl::string_view text);

}  // namespace descent::endpoint

#endif  // ENDPOINT_TRACEPARENT_H_
