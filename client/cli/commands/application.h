// The command as a function: from arguments to an exit code.

#ifndef CLIENT_CLI_COMMANDS_APPLICATION_H_
#define CLIENT_CLI_COMMANDS_APPLICATION_H_

#include <string>

namespace descent::cli {

// Parses the arguments, does what they say and returns an ExitCode. `version` is what --version
// prints. Throws nothing.
int RunApplication(int argc, const char* const* argv, const std::string& version);

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_APPLICATION_H_
