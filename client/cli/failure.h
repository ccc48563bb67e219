// The ways the command fails, and the exit code of each.
//
// Errors travel as absl::Status. Those of this side (bad usage, bad data, files) are marked where
// they arise; an unmarked one came from the server, where UNAVAILABLE means that it could not be
// reached and every other code that it said no.

#ifndef CLIENT_CLI_FAILURE_H_
#define CLIENT_CLI_FAILURE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace descent::cli {

// Numbers from sysexits.h, and 130 = 128 + SIGINT as shells report it.
enum class ExitCode : int {
  kOk = 0,
  kRefused = 1,
  kUsage = 64,
  kBadData = 65,
  kUnreachable = 69,
  kCannotWrite = 74,
  kInterrupted = 130,
};

// A cell of a file. Lines and columns count from 1; a column is a field of the record, not a
// character of the line. Column 0 stands for the line as a whole, line 0 for the whole file.
struct Place {
  std::string file;
  int64_t line = 0;
  int64_t column = 0;
};

// "data.csv:17:3".
std::string ToString(const Place& place);

// The command line asks for something that makes no sense. Exit code 64.
absl::Status UsageError(absl::string_view message);

// A file or a row can't be used. Exit code 65; the message becomes "<place>: <message>".
absl::Status DataError(const Place& place, absl::string_view message);

// A file can't be written. Exit code 74; the message becomes "<path>: <message>".
absl::Status FileError(absl::string_view path, absl::string_view message);

// The exit code for a status, kOk for an OK one.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace descent::cli

#endif  // CLIENT_CLI_FAILURE_H_
