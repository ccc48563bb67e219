#include "client/cli/commands/application.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/help.h"
#include "client/cli/commands/server_options.h"
#include "client/cli/display/output.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"
#include "client/descent/client.h"
#include "client/descent/error.h"

namespace descent::cli {
namespace {

constexpr char kApplicationFooter[] = R"(
Exit status: 0 when all went well, 1 when the server said no, 64 on bad usage, 65 on bad data, 69
when the server can't be reached, 74 when a file can't be written, 130 when training, a
backup, an export or an import was interrupted.)";

// A server that went away once it was there is waited for so long: it may be being started again,
// and recovering.
constexpr absl::Duration kServerPatience = absl::Minutes(2);

absl::StatusOr<ExitCode> Execute(const ServerOptions& server, bool json, const Command& command) {
  TroubleNotes trouble([](const std::string& line) { Note(line); });
  ASSIGN_OR_RETURN(client::ClientOptions options, server.ForClient());
  options.deadline = kServerPatience;
  options.retry.give_up_after = kServerPatience;
  options.on_retry = [&trouble](const absl::Status& cause, absl::Duration since) {
    trouble.Add(cause, since);
  };
  absl::StatusOr<client::Client> client = client::Client::Connect(options);
  if (!client.ok()) {
    return UsageError(absl::StrCat(server.origin(), server.origin().empty() ? "" : ": ",
                                   client.status().message()));
  }
  RETURN_IF_ERROR(
      server.WithOrigin(client->WaitUntilReady(absl::Seconds(server.connect_timeout()))));
  return command(Context{*std::move(client), json, &trouble});
}

void Report(const absl::Status& status, bool json) {
  const ExitCode code = ExitCodeOf(status);
  const bool ours =
      code == ExitCode::kUsage || code == ExitCode::kBadData || code == ExitCode::kCannotWrite;
  if (!json) {
    const std::string name =
        ours ? "" : absl::StrCat(" (", absl::StatusCodeToString(status.code()), ")");
    Note(absl::StrCat("descent: ", status.message(), name));
    return;
  }
  const client::ErrorDetails details = client::GetErrorDetails(status);
  nlohmann::ordered_json error = {{"message", std::string(status.message())},
                                  {"exit_status", static_cast<int>(code)}};
  if (!ours) error["code"] = absl::StatusCodeToString(status.code());
  if (!details.reason.empty()) {
    error["reason"] = details.reason;
    error["metadata"] = details.metadata;
  }
  PrintJson({{"error", error}});
}

// What is wrong with the command line. The parser asks for what is required before it looks at what
// it could not place, and names that from the end.
std::string UsageMessage(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> extras = app.remaining(/*recurse=*/true);
  const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
  const bool misplaced =
      code == CLI::ExitCodes::ExtrasError || code == CLI::ExitCodes::RequiredError;
  if (!misplaced || extras.empty()) return error.what();
  if (app.get_subcommands().empty()) {
    return absl::StrCat("there is no subcommand \"", extras.front(), "\"");
  }
  return absl::StrCat("not expected: ", absl::StrJoin(extras, " "));
}

// Help and version are no errors.
ExitCode EndParsing(const CLI::App& app, const CLI::ParseError& error, bool json) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    app.exit(error);
    return ExitCode::kOk;
  }
  Report(UsageError(UsageMessage(app, error)), json);
  if (!json) Note("Run with --help for more information.");
  return ExitCode::kUsage;
}

}  // namespace

int RunApplication(int argc, const char* const* argv, const std::string& version) {
  CLI::App app("Trains and asks neural networks that descentd holds.", "descent");
  bool json = false;
  Command command;
  LocalCommand local_command;
  ServerOptions server(&app);
  app.add_flag("--json", json, "Print results, and errors, as JSON objects, one a line");
  app.set_version_flag("--version", version);
  app.footer(kApplicationFooter);
  app.formatter(std::make_shared<HelpFormatter>());
  app.require_subcommand(1);
  app.fallthrough();  // global options may come after the subcommand
  AddTrainCommand(&app, &command);
  AddPredictCommand(&app, &command);
  AddEvaluateCommand(&app, &command);
  AddGradientCommand(&app, &command);
  AddCreateCommand(&app, &command);
  AddListCommand(&app, &command);
  AddGetCommand(&app, &command);
  AddDeleteCommand(&app, &command);
  AddHistoryCommand(&app, &command);
  AddParamsCommand(&app, &command);
  AddCheckpointCommand(&app, &command);
  AddExportCommand(&app, &command);
  AddImportCommand(&app, &command);
  AddBackupCommand(&app, &command);
  AddVerifyCommand(&app, &local_command);
  AddTokenCommand(&app, &local_command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // The parser may have stopped before it came to --json.
    json = std::find(argv, argv + argc, absl::string_view("--json")) != argv + argc;
    return static_cast<int>(EndParsing(app, error, json));
  }
  const auto run = [&]() -> absl::StatusOr<ExitCode> {
    if (local_command) {
      RETURN_IF_ERROR(server.CheckNoneGiven());
      return local_command(json);
    }
    RETURN_IF_ERROR(server.ReadEnvironment());
    return Execute(server, json, command);
  };
  const absl::StatusOr<ExitCode> code = run();
  if (code.ok()) return static_cast<int>(*code);
  Report(code.status(), json);
  return static_cast<int>(ExitCodeOf(code.status()));
}

}  // namespace descent::cli
