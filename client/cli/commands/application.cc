#include "client/cli/commands/application.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
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
#include "client/cli/display/output.h"
#include "client/cli/failure.h"
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

constexpr char kServerVariable[] = "DESCENT_SERVER";

struct GlobalOptions {
  std::string server = "127.0.0.1:50051";
  std::string server_origin;  // what says so: "--server", "$DESCENT_SERVER"; empty: nothing
  double connect_timeout = 10;
  bool json = false;
};

// The options that tell of a server.
struct ServerOptions {
  const CLI::Option* server;
  const CLI::Option* connect_timeout;
};

ServerOptions AddGlobalOptions(CLI::App* app, GlobalOptions* options) {
  const ServerOptions added = {
      app->add_option("--server", options->server,
                      "Where descentd listens, also unix:PATH (default $DESCENT_SERVER, or else "
                      "127.0.0.1:50051)")
          ->option_text("HOST:PORT"),
      app->add_option("--connect-timeout", options->connect_timeout,
                      "How long to wait for a server that doesn't answer (default 10)")
          ->option_text("SECONDS")
          ->check(CLI::NonNegativeNumber)};
  app->add_flag("--json", options->json, "Print results, and errors, as JSON objects, one a line");
  return added;
}

// Takes the address from the environment where no option says it.
void FindServer(const ServerOptions& given, GlobalOptions* options) {
  if (given.server->count() > 0) {
    options->server_origin = "--server";
    return;
  }
  const char* variable = std::getenv(kServerVariable);
  if (variable == nullptr || *variable == '\0') return;
  options->server = variable;
  options->server_origin = absl::StrCat("$", kServerVariable);
}

// A command that asks no server has no use for what says where one is. The environment is for all
// commands, and contradicts none.
absl::Status CheckLocal(const ServerOptions& given) {
  for (const CLI::Option* option : {given.server, given.connect_timeout}) {
    if (option->count() == 0) continue;
    return UsageError(absl::StrCat(option->get_name(), ": this command asks no server"));
  }
  return absl::OkStatus();
}

// With where the address comes from, if it is not plain to see on the command line.
absl::Status WithOrigin(const absl::Status& status, const GlobalOptions& options) {
  if (status.ok() || options.server_origin != absl::StrCat("$", kServerVariable)) return status;
  absl::Status told(status.code(), absl::StrCat(status.message(), "; the address is from ",
                                                options.server_origin));
  status.ForEachPayload(
      [&told](absl::string_view url, const absl::Cord& payload) { told.SetPayload(url, payload); });
  return told;
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
  if (!client.ok()) {
    return UsageError(absl::StrCat(options.server_origin, ": ", client.status().message()));
  }
  RETURN_IF_ERROR(
      WithOrigin(client->WaitUntilReady(absl::Seconds(options.connect_timeout)), options));
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
  const ServerOptions given = AddGlobalOptions(&app, &options);
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
  AddHistoryCommand(&app, &command);
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
  FindServer(given, &options);
  const auto run_local = [&]() -> absl::StatusOr<ExitCode> {
    RETURN_IF_ERROR(CheckLocal(given));
    return local_command(options.json);
  };
  const absl::StatusOr<ExitCode> code = local_command ? run_local() : Execute(options, command);
  if (code.ok()) return static_cast<int>(*code);
  Report(code.status(), options.json);
  return static_cast<int>(ExitCodeOf(code.status()));
}

}  // namespace descent::cli
