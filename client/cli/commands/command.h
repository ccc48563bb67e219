// The subcommands of `descent`.
//
// Each Add...Command describes one to the parser and, when it is the one that was typed, puts what
// it does into *chosen. Results go to standard output, everything else to standard error.

#ifndef CLIENT_CLI_COMMANDS_COMMAND_H_
#define CLIENT_CLI_COMMANDS_COMMAND_H_

#include <CLI/App.hpp>
#include <functional>

#include "absl/status/statusor.h"
#include "client/cli/display/trouble.h"
#include "client/cli/failure.h"
#include "client/descent/client.h"

namespace descent::cli {

struct Context {
  client::Client client;
  bool json = false;  // results are JSON, one object a line
  // Tells what the client waits for; outlives it.
  TroubleNotes* trouble = nullptr;
};

using Command = std::function<absl::StatusOr<ExitCode>(const Context& context)>;
// What asks no server.
using LocalCommand = std::function<absl::StatusOr<ExitCode>(bool json)>;

void AddCreateCommand(CLI::App* app, Command* chosen);
void AddListCommand(CLI::App* app, Command* chosen);
void AddGetCommand(CLI::App* app, Command* chosen);
void AddDeleteCommand(CLI::App* app, Command* chosen);
void AddTrainCommand(CLI::App* app, Command* chosen);
void AddPredictCommand(CLI::App* app, Command* chosen);
void AddEvaluateCommand(CLI::App* app, Command* chosen);
void AddGradientCommand(CLI::App* app, Command* chosen);
void AddHistoryCommand(CLI::App* app, Command* chosen);
void AddParamsCommand(CLI::App* app, Command* chosen);
void AddCheckpointCommand(CLI::App* app, Command* chosen);
void AddExportCommand(CLI::App* app, Command* chosen);
void AddImportCommand(CLI::App* app, Command* chosen);
void AddBackupCommand(CLI::App* app, Command* chosen);
void AddVerifyCommand(CLI::App* app, LocalCommand* chosen);
void AddTokenCommand(CLI::App* app, LocalCommand* chosen);

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_COMMAND_H_
