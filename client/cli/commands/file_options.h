// The options that say how a file is laid out, common to all commands that read one.

#ifndef CLIENT_CLI_COMMANDS_FILE_OPTIONS_H_
#define CLIENT_CLI_COMMANDS_FILE_OPTIONS_H_

#include <CLI/App.hpp>

#include "client/cli/tables/file_inference.h"

namespace descent::cli {

// --format, --header, --no-header, --delimiter, --decimal, --thousands, --encoding, --missing and
// --not-missing.
void AddFileOptions(CLI::App* command, FileOptions* options);

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_FILE_OPTIONS_H_
