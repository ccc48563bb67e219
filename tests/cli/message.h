// A status's message as a std::string, which is what googlemock's text matchers take.

#ifndef TESTS_CLI_MESSAGE_H_
#define TESTS_CLI_MESSAGE_H_

#include <string>

#include "absl/status/status.h"

namespace descent::cli {

inline std::string Message(const absl::Status& status) { return std::string(status.message()); }

}  // namespace descent::cli

#endif  // TESTS_CLI_MESSAGE_H_
