// Errors with details: an absl::Status whose payloads say, besides code and message, the reason in
// the field's standard UPPER_SNAKE form, the request's field that is at fault, and key-value facts
// (row, column, expected and actual shape). The wire turns them into google.rpc.ErrorInfo and
// BadRequest; nobody parses messages.

#ifndef CORE_ERROR_H_
#define CORE_ERROR_H_

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace descent {

struct ErrorDetails {
  std::string reason;  // e.g. "STEP_MISMATCH"; empty if none was given
  std::string field;   // e.g. "batch.inputs"; empty if no field is at fault
  std::map<std::string, std::string> metadata;        // e.g. {"row", "17"}
  absl::Duration retry_after = absl::ZeroDuration();  // zero: no advice
};

using Metadata = std::initializer_list<std::pair<std::string_view, std::string>>;

// A status with a reason and facts. Requires code != kOk.
absl::Status Error(absl::StatusCode code, std::string_view reason, std::string_view message,
                   Metadata metadata = {});

// kInvalidArgument about one field; the message becomes "<field>: <what>".
// Reason INVALID_FIELD unless another is given.
absl::Status InvalidField(std::string_view field, std::string_view what, Metadata metadata = {},
                          std::string_view reason = "INVALID_FIELD");

// The same error seen from a level up: "outer." is put before its field and its message, when it
// has a field; other statuses pass unchanged.
absl::Status WithFieldPrefix(absl::Status status, std::string_view outer);

// Adds advice to call again after `delay`.
absl::Status WithRetryAfter(absl::Status status, absl::Duration delay);

// Adds one fact.
absl::Status WithMetadata(absl::Status status, std::string_view key, std::string_view value);

// What the functions above put in. Empty details for a plain status.
ErrorDetails GetErrorDetails(const absl::Status& status);

}  // namespace descent

#endif  // CORE_ERROR_H_
