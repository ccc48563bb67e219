// What a server says about an error besides its code and message.
//
// Every absl::Status that a call of this library returns for an error of the server carries the
// server's google.rpc details as payloads. This reads them; nobody parses messages.

#ifndef CLIENT_DESCENT_ERROR_H_
#define CLIENT_DESCENT_ERROR_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace descent::client {

struct FieldViolation {
  std::string field;        // e.g. "inputs"
  std::string description;  // e.g. "expected shape [n, 13], got [32, 12]"
};

struct ErrorDetails {
  // google.rpc.ErrorInfo. All empty where the error was not the server's, such as a lost
  // connection.
  std::string reason;                           // e.g. "STEP_MISMATCH"
  std::string domain;                           // "descent.v1"
  std::map<std::string, std::string> metadata;  // e.g. {"expected", "7"}
  // google.rpc.BadRequest: the fields at fault.
  std::vector<FieldViolation> field_violations;
  // google.rpc.RetryInfo: calling again after so long may help.
  std::optional<absl::Duration> retry_delay;
};

// Empty details for a status without any, also for an OK one.
ErrorDetails GetErrorDetails(const absl::Status& status);

}  // namespace descent::client

#endif  // CLIENT_DESCENT_ERROR_H_
