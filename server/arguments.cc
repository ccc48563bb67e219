#include "server/arguments.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <istream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "core/instruction_set.h"
#include "endpoint/endpoint.h"
#include "help/help_format.h"
#include "server/ops/log.h"
#include "version/version.h"

namespace descent {
namespace {

constexpr char kDescription[] =
    "Serves neural networks over gRPC: holds models, trains them on streams of data, and answers\n"
    "with predictions and gradients.";

constexpr char kFooter[] = R"(
Every option can also be given as an environment variable (DESCENT_LISTEN for --listen) or in the
file of --config (TOML, `listen = "0.0.0.0:50051"`). A flag wins over the environment, and that over
the file.

The server prints `listening on HOST:PORT` on stdout when it has recovered its models and is ready,
a line for each --listen, and logs to stderr. To $NOTIFY_SOCKET, if it is set, it tells its state as
systemd's services of Type=notify do. SIGTERM and SIGINT drain it: it refuses new calls, finishes the
ones it holds, and ends; a second signal ends it at once.

Exit status: 0 after a drain; 1 when the drain took too long, or healthcheck found the server not
serving; 64 on bad options, or when the file of --access can't be read right; 65 when verify found
damage; 69 when the address can't be listened on; 74 when the data directory can't be used.
)";
// Of the state directories that systemd gives, separated by colons, the first.
DefaultDirectory FirstOf(const std::string& list) {
  for (const absl::string_view path : absl::StrSplit(list, ':', absl::SkipEmpty())) {
    if (path.front() == '/') return {std::string(path), ""};
    return {std::string(path),
            absl::StrCat("STATE_DIRECTORY: expected absolute paths separated by colons, as systemd "
                         "sets them, got '",
                         list, "'; for another directory, say --data-dir")};
  }
  return {};
}

// CLI11's reader of files takes an empty list, and an option the first value of it.
class ConfigReader final : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> items = CLI::ConfigTOML::from_config(input);
    for (const CLI::ConfigItem& item : items) {
      const bool is_section = item.name == "++" || item.name == "--";  // its beginning and end
      if (item.inputs.empty() && !is_section) {
        throw CLI::ConfigError(item.fullname() + ": expected a value, got an empty list");
      }
    }
    return items;
  }
};
// "" or what is wrong with an address to listen at, or to connect to.
std::string CheckListen(const std::string& address) {
  return std::string(endpoint::CheckListenAddress(address).message());
}
std::string CheckServer(const std::string& address) {
  return std::string(endpoint::ParseTarget(address).status().message());
}

// A range that is checked and not repeated in the help.
template <typename T>
CLI::Validator Between(T least, T most) {
  return CLI::Range(least, most).description("");
}

// The same for what 0 leaves to the server.
CLI::Validator ZeroOrFrom(int least) {
  constexpr int kMost = 1 << 24;
  return CLI::Validator(
      [least](const std::string& text) {
        int value = 0;
        const bool is_number = absl::SimpleAtoi(text, &value);
        if (is_number && (value == 0 || (value >= least && value <= kMost))) return std::string();
        return absl::StrCat("expected 0 or a whole number from ", least, " to ", kMost, ", got '",
                            text, "'");
      },
      "");
}

// "" or what is wrong with a file that has to be named where its option is given at all: a variable
// that is empty must not leave the server open.
std::string CheckGiven(const std::string& file) {
  return file.empty() ? "expected a file, got nothing; without the option there is none" : "";
}

void AddServerOptions(CLI::App* app, Arguments* arguments) {
  app->add_option(
         "--listen", arguments->listen,
         "Where to take calls, in several places if it is given several times; port 0\n"
         "picks a free one. A Unix socket, for programs on this machine that may write to\n"
         "it, is unix:PATH. Addresses that other machines reach need --tls-certificate, or\n"
         "--allow-plaintext")
      ->check(CLI::Validator(CheckListen, ""))
      ->delimiter(',')
      ->default_str(arguments->listen.front())
      ->type_name("HOST:PORT");
  app->add_option(
         "--threads", arguments->threads,
         "Threads that compute updates, and as many again that compute predictions and\n"
         "gradients; by default the machine's cores, hardware threads of one counted once,\n"
         "or as many as the container's share of them is worth. Each costs its workspace")
      ->check(Between(1, 1024))
      ->type_name("N");
  app->add_option("--max-message-mib", arguments->max_message_mib,
                  "Largest message, each way; larger ones are RESOURCE_EXHAUSTED. What one call\n"
                  "costs in memory is a few times its message")
      ->check(Between(1, 2047))
      ->type_name("MIB");
  app->add_option("--memory-mib", arguments->memory_mib,
                  "Memory for everything that connections, models and calls hold: buffers,\n"
                  "parameters, optimizer state, workspaces, queued work, remembered answers,\n"
                  "evaluations, messages. What does not fit is refused with RESOURCE_EXHAUSTED;\n"
                  "models may take three quarters of what --transport-memory-mib leaves. Queues\n"
                  "and batches are bounded by parts of it where it is small. 0: three fifths of\n"
                  "the machine's memory, or of the control group's if that has less; leave the\n"
                  "program itself and the system's file cache the rest")
      ->check(ZeroOrFrom(64))
      ->type_name("MIB");
  app->add_option(
         "--transport-memory-mib", arguments->transport_memory_mib,
         "The part of --memory-mib for the buffers of all connections; beyond it they are\n"
         "slowed down and calls dropped. 0: a quarter, at most 1024")
      ->check(ZeroOrFrom(16))
      ->type_name("MIB");
  app->add_option("--max-streams", arguments->max_streams,
                  "Calls in flight on one connection; more wait at the client")
      ->check(Between(1, 1 << 20))
      ->type_name("N");
  app->add_option("--max-connections", arguments->max_connections,
                  "Connections at once. Where there would be more, those are closed that never\n"
                  "called or have been silent longest. 0: as many as the limit of open files\n"
                  "allows, two files each, at most 16384")
      ->check(Between(0, 16384))
      ->type_name("N");
  app->add_option("--max-rate-per-connection", arguments->max_rate_per_connection,
                  "Calls and messages of streams that a connection may send a second, as many at\n"
                  "once after a pause. Calls beyond it are RESOURCE_EXHAUSTED, streams are read\n"
                  "later. 0: any")
      ->check(Between(0, 1 << 24))
      ->type_name("N");
  app->add_option(
         "--max-mib-per-connection", arguments->max_mib_per_connection,
         "Messages of a connection that have come and are not answered; calls beyond it\n"
         "are RESOURCE_EXHAUSTED, streams are read later. One call is let through whatever\n"
         "its size. At most a sixteenth of the memory for models and calls. 0: any")
      ->check(Between(0, 1 << 24))
      ->type_name("MIB");
  app->add_option("--max-calls-per-caller", arguments->max_calls_per_caller,
                  "Calls at once of each caller, on all connections: of those whom --access names\n"
                  "or, without it, of each address. Health checks do not count. More are\n"
                  "RESOURCE_EXHAUSTED. The file of --access may say otherwise for one. 0: any")
      ->check(Between(0, 1 << 24))
      ->type_name("N");
  app->add_option("--max-rate-per-caller", arguments->max_rate_per_caller,
                  "As --max-rate-per-connection, for each caller")
      ->check(Between(0, 1 << 24))
      ->type_name("N");
  app->add_option("--max-mib-per-caller", arguments->max_mib_per_caller,
                  "As --max-mib-per-connection, for each caller")
      ->check(Between(0, 1 << 24))
      ->type_name("MIB");
  app->add_option("--max-models", arguments->max_models,
                  "Models at once; CreateModel beyond it is RESOURCE_EXHAUSTED. A start with more\n"
                  "serves them all")
      ->check(Between(1, 1 << 24))
      ->type_name("N");
  app->add_option(
         "--max-read-wait-ms", arguments->max_read_wait_ms,
         "How long a prediction or other read may have to wait for those of its model that\n"
         "came before, by how fast they ended lately: who would wait longer is\n"
         "RESOURCE_EXHAUSTED at once, so that under any load the others are answered soon.\n"
         "0: any, until the queue is full")
      ->check(Between(0, 1 << 24))
      ->type_name("MS");
  app->add_option("--max-connection-age", arguments->max_connection_age,
                  "When a connection is asked to go, so that clients spread again behind a load\n"
                  "balancer; 0: never")
      ->check(Between(0, 1 << 20))
      ->type_name("SECONDS");
  app->add_option("--drain-timeout", arguments->drain_timeout,
                  "What calls have to finish in after SIGTERM before they are cancelled; the\n"
                  "default is within the 10 s of `docker stop`")
      ->check(Between(0.0, 86400.0))
      ->type_name("SECONDS");
}

void AddSecurityOptions(CLI::App* app, Arguments* arguments) {
  app->add_option("--tls-certificate", arguments->tls_certificate,
                  "The server's certificate in PEM, followed by those that lead to its authority:\n"
                  "calls are taken over TLS 1.2 or 1.3 alone, but for those on Unix sockets. The\n"
                  "files may change while the server runs; new connections get what is in them")
      ->type_name("FILE");
  app->add_option("--tls-key", arguments->tls_key, "The certificate's private key in PEM")
      ->type_name("FILE");
  app->add_option("--tls-client-ca", arguments->tls_client_ca,
                  "Authorities in PEM: clients have to show a certificate of theirs (mutual TLS)")
      ->type_name("FILE");
  app->add_flag("--allow-plaintext", arguments->allow_plaintext,
                "Take calls without encryption where other machines reach them: on a network you\n"
                "trust, or behind a proxy that has it");
  app->add_option("--health", arguments->health,
                  "Also answer health checks, and nothing else, here: in plaintext and for\n"
                  "everybody, for probes that can't show credentials. Also unix:PATH")
      ->check(CLI::Validator(CheckListen, ""))
      ->type_name("HOST:PORT");
  app->add_option("--http", arguments->http,
                  "Also answer HTTP here: a page for people at /, /metrics for Prometheus, /livez\n"
                  "and /readyz for probes, and the Open Inference Protocol below /v2.\n"
                  "Encrypted as --listen is, but not on a loopback address or at unix:PATH. With\n"
                  "--access, everything but the probes asks who calls: a browser takes the token\n"
                  "as a password, with any name. Port 0 picks a free one")
      ->check(CLI::Validator(CheckListen, ""))
      ->type_name("HOST:PORT");
  app->add_option("--metrics-models", arguments->metrics_models,
                  "Models that have series of their own at /metrics, about 20 each: the first by\n"
                  "name; descent_models_without_series says how many are left out")
      ->check(Between(0, 1000000))
      ->type_name("N");
}

void AddAccessOptions(CLI::App* app, Arguments* arguments) {
  app->add_option(
         "--access", arguments->access,
         "Who may do what: a TOML file of callers, known by their tokens or certificates,\n"
         "each with a role and the models it may use; `descent token` makes entries. Read\n"
         "again when it changes; a file that can't be read right leaves the last rules in\n"
         "force. Without it, whoever reaches the server may do everything")
      ->check(CLI::Validator(CheckGiven, ""))
      ->type_name("FILE.toml");
}

void AddStorageOptions(CLI::App* app, Arguments* arguments) {
  app->add_option(
         "--data-dir", arguments->data_dir,
         "Where models are kept; made if it is not there. One server at a time has it. By\n"
         "default the first directory of $STATE_DIRECTORY, which systemd sets; without it\n"
         "/var/lib/descent for root, or else $XDG_STATE_HOME/descent")
      ->type_name("DIR");
  app->add_flag("--in-memory", arguments->in_memory,
                "Keep models in memory alone: they are gone when the server ends. It contradicts\n"
                "--data-dir; said in different places, a flag wins over the environment, and that\n"
                "over the file");
  app->add_flag(
      "--accept-missing-logs", arguments->accept_missing_logs,
      "Start, or verify, with what descent.db holds by itself where the logs that belong to\n"
      "it are missing: a copy of a running server's file, or logs that were deleted. What\n"
      "was in them alone is lost");
  app->add_option(
         "--checkpoint-journal-mib", arguments->checkpoint_journal_mib,
         "A model's journal is replaced by a checkpoint at this size, or at the size of\n"
         "its parameters and optimizer state if that is more. Raising it writes fewer\n"
         "checkpoints; recovery applies up to that much again, no slower than training did")
      ->check(Between(1, 1 << 24))
      ->type_name("MIB");
  app->add_option("--checkpoint-interval", arguments->checkpoint_interval,
                  "And when it has changes this old: recovery repeats at most so much computing\n"
                  "for each model, and it is what a crash may take of models with durability\n"
                  "CHECKPOINT")
      ->check(Between(1, 1 << 24))
      ->type_name("SECONDS");
  app->add_option("--kept-checkpoints", arguments->kept_checkpoints,
                  "Checkpoints of a model that are kept though nobody asked for them; each costs\n"
                  "its parameters and optimizer state on disk")
      ->check(Between(1, 1 << 16))
      ->type_name("N");
  app->add_option(
         "--request-window", arguments->request_window,
         "Answers remembered for each model, to recognise repeats of a request_id; each\n"
         "costs about 300 bytes, and 4 MiB are the most. Beyond them a repeat is taken for\n"
         "a new request")
      ->check(Between(0, 1 << 24))
      ->type_name("N");
  app->add_option("--request-window-age", arguments->request_window_age,
                  "How long an answer is remembered at most")
      ->check(Between(1, 1 << 24))
      ->type_name("SECONDS");
  app->add_option("--session-window", arguments->session_window,
                  "Batches that a training stream may have on their way unacknowledged, up to 64\n"
                  "MiB of them. More hide a longer way to the client and share commits; fewer let\n"
                  "other calls in sooner where cores are few")
      ->check(Between(1, 1024))
      ->type_name("N");
  app->add_option("--max-merged-rows", arguments->max_merged_rows,
                  "Predictions of one model that wait at the same time are computed together, up\n"
                  "to so many rows. 1: each by itself")
      ->check(Between(1, 1 << 16))
      ->type_name("ROWS");
}

void AddLogOptions(CLI::App* app, Arguments* arguments) {
  app->add_option("--log-format", arguments->log_format, "json: one object a line")
      ->check(CLI::IsMember(&LogFormats()).description(""))
      ->type_name("text|json");
  app->add_option("--log-level", arguments->log_level,
                  "Least level of what is logged; debug logs every call")
      ->check(CLI::IsMember(&LogLevels()).description(""))
      ->type_name("debug|info|warning|error");
  app->add_option(
         "--access-log", arguments->access_log,
         "A file with a line of JSON for every call, its time, method, model, caller, code,\n"
         "bytes, milliseconds and trace. Moved away it is begun anew, so logrotate needs\n"
         "no signal; a full disk loses lines and holds up nobody")
      ->check(CLI::Validator(CheckGiven, ""))
      ->type_name("FILE");
  app->add_option(
         "--slow-call-ms", arguments->slow_call_ms,
         "Calls that take so long are logged as warnings, with how long they waited, were\n"
         "worked on and sent; streams are not. 0: none")
      ->check(Between(0, 1 << 30))
      ->type_name("MS");
}

void AddHealthcheck(CLI::App* app, Arguments* arguments) {
  CLI::App* healthcheck = app->add_subcommand(
      "healthcheck", "Ask a running server whether it takes calls: exit 0 if so, 1 if not");
  healthcheck->fallthrough()->configurable(false);
  healthcheck
      ->add_option(
          "--server", arguments->server,
          "The server, also unix:PATH; by default this machine's, where --health says, or\n"
          "--listen")
      ->check(CLI::Validator(CheckServer, ""))
      ->configurable(false)
      ->type_name("HOST:PORT");
  healthcheck->add_option("--timeout", arguments->timeout, "How long to wait")
      ->check(Between(0.001, 3600.0))
      ->configurable(false)
      ->type_name("SECONDS");
}

void AddVerify(CLI::App* app, Arguments* arguments) {
  CLI::App* verify = app->add_subcommand(
      "verify",
      "Check a data directory that no server has open, changing nothing: checksums, the journal\n"
      "applied again, hashes of every model. Exit 0 if all is well, 65 if something is damaged");
  verify->configurable(false);
  verify->add_option("directory", arguments->verified, "The data directory")
      ->required()
      ->configurable(false)
      ->type_name("DIR");
  verify->add_flag("--json", arguments->json, "One JSON object a model, and one for the whole")
      ->configurable(false);
}

}  // namespace

const char* Variable(const char* name) {
  return std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
}
DefaultDirectory StateDirectory() {
  const auto variable = [](const char* name) {
    const char* value = Variable(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (DefaultDirectory given = FirstOf(variable("STATE_DIRECTORY")); !given.path.empty()) {
    return given;
  }
  if (geteuid() == 0) return {"/var/lib/descent", ""};
  if (const std::string state = variable("XDG_STATE_HOME"); !state.empty()) {
    return {state + "/descent", ""};
  }
  const std::string home = variable("HOME");
  return {home.empty() ? "descent-state" : home + "/.local/state/descent", ""};
}
std::string VariableOf(const CLI::Option& option) {
  std::string name = option.get_single_name();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
  return "DESCENT_" + name;
}

const std::map<std::string, ops::LogFormat>& LogFormats() {
  static const auto* const kFormats = new std::map<std::string, ops::LogFormat>(
      {{"text", ops::LogFormat::kText}, {"json", ops::LogFormat::kJson}});
  return *kFormats;
}

const std::map<std::string, ops::LogLevel>& LogLevels() {
  static const auto* const kLevels =
      new std::map<std::string, ops::LogLevel>({{"debug", ops::LogLevel::kDebug},
                                                {"info", ops::LogLevel::kInfo},
                                                {"warning", ops::LogLevel::kWarning},
                                                {"error", ops::LogLevel::kError}});
  return *kLevels;
}

void AddOptions(CLI::App* app, Arguments* arguments) {
  app->description(kDescription);
  app->footer(kFooter);
  app->formatter(std::make_shared<help::HelpFormat>());
  app->option_defaults()->always_capture_default();
  AddServerOptions(app, arguments);
  AddSecurityOptions(app, arguments);
  AddAccessOptions(app, arguments);
  AddStorageOptions(app, arguments);
  AddLogOptions(app, arguments);
  app->set_config("--config", "", "A TOML file with options")->type_name("FILE.toml");
  app->config_formatter(std::make_shared<ConfigReader>());
  app->allow_config_extras(CLI::config_extras_mode::error);
  for (CLI::Option* option : app->get_options()) {
    if (option == app->get_help_ptr()) continue;
    option->envname(VariableOf(*option));
    if (option != app->get_option("--listen")) option->take_last();
  }
  app->add_flag("--print-config", arguments->print_config,
                "Print the options in force as a file for --config, and exit")
      ->configurable(false);
  app->set_version_flag("--version",
                        absl::StrCat("descentd ", kVersion, " (commit ", kCommit, ", ", kCompiler,
                                     ", running on ", std::string(InstructionSet()), ")"));
  AddHealthcheck(app, arguments);
  AddVerify(app, arguments);
}

}  // namespace descent
