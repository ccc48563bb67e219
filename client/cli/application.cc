#include "client/cli/application.h"

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
#include "client/cli/command.h"
#include "client/cli/failure.h"
#include "client/cli/help.h"
#include "client/cli/output.h"
#include "client/cli/status_macros.h"
#include "client/descent/client.h"
#include "client/descent/error.h"

namespace descent::cli {
namespace {

constexpr char kFooter[] = R"(
Exit status: 0 when all went well, 1 when the server said no, 64 on bad usage, 65 on bad data, 69
when the server can't be reached, 74 when a file can't be written, 130 when training or a backup was
interrupted.)";

// A server that went away once it was there is waited for so long: it may be being started again,
// and recovering.
constexpr absl::Duration kPatience = absl::Minutes(2);

struct GlobalOptions {
  std::string server = "127.0.0.1:50051";
  double connect_timeout = 10;
  bool json = false;
};

void AddGlobalOptions(CLI::App* app, GlobalOptions* options) {
  app->add_option("--server", options->server,
                  "Where descentd listens, also unix:PATH (default $DESCENT_SERVER, or else "
                  "127.0.0.1:50051)")
      ->option_text("HOST:PORT")
      ->envname("DESCENT_SERVER");
  app->add_option("--connect-timeout", options->connect_timeout,
                  "How long to wait for a server that doesn't answer (default 10)")
      ->option_text("SECONDS")
      ->check(CLI::NonNegativeNumber);
  app->add_flag("--json", options->json, "Print results, and errors, as JSON objects, one a line");
}

absl::StatusOr<ExitCode> Execute(const GlobalOptions& options, const Command& command) {
  TroubleNotes trouble([](const std::string& line) { Note(line); });
  client::ClientOptions client_options;
  client_options.target = options.server;
  client_options.deadline = kPatience;
  client_options.retry.give_up_after = kPatience;
  client_options.on_retry = [&trouble](const absl::Status& cause, absl::Duration since) {
    trouble.Add(cause, since);
  };
  absl::StatusOr<client::Client> client = client::Client::Connect(client_options);
  if (!client.ok()) return UsageError(absl::StrCat("--server: ", client.status().message()));
  RETURN_IF_ERROR(client->WaitUntilReady(absl::Seconds(options.connect_timeout)));
  return command(Context{*std::move(client), options.json, &trouble});
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
  GlobalOptions options;
  Command command;
  LocalCommand local_command;
  AddGlobalOptions(&app, &options);
  app.set_version_flag("--version", version);
  app.footer(kFooter);
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
  AddParamsCommand(&app, &command);
  AddCheckpointCommand(&app, &command);
  AddBackupCommand(&app, &command);
  AddVerifyCommand(&app, &local_command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // The parser may have stopped before it came to --json.
    const bool json = std::find(argv, argv + argc, absl::string_view("--json")) != argv + argc;
    return static_cast<int>(EndParsing(app, error, json));
  }
  const absl::StatusOr<ExitCode> code =
      local_command ? local_command(options.json) : Execute(options, command);
  if (code.ok()) return static_cast<int>(*code);
  Report(code.status(), options.json);
  return static_cast<int>(ExitCodeOf(code.status()));
}

}  // namespace descent::cli
