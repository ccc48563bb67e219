#include "server/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "endpoint/endpoint.h"
#include "server/arguments.h"
#include "server/machine_memory.h"
#include "server/services/caller_limits.h"
#include "server/services/unsent_answers.h"

namespace descent {
namespace {

// Where an option was given, the ones that win behind those they win over.
enum class Source : std::uint8_t { kDefault, kFile, kEnvironment, kFlag };

absl::string_view NameOf(Source source) {
  if (source == Source::kFlag) return "as flags";
  return source == Source::kEnvironment ? "in the environment" : "in the file";
}

// Where the options with these names were given, of which `app` has parsed all of their sources.
std::vector<Source> SourcesOf(const CLI::App& app, int argc, const char* const* argv,
                              const std::vector<std::string>& names) {
  Arguments ignored;
  CLI::App flags("", "descentd");
  AddOptions(&flags, &ignored);
  for (CLI::Option* option : flags.get_options()) option->envname("");
  flags.set_config();
  flags.allow_extras();
  flags.parse(argc, argv);
  std::vector<Source> sources;
  for (const std::string& name : names) {
    const char* value = Variable(VariableOf(*app.get_option(name)).c_str());
    if (flags.count(name) > 0) {
      sources.push_back(Source::kFlag);
    } else if (value != nullptr && *value != '\0') {
      sources.push_back(Source::kEnvironment);
    } else {
      sources.push_back(app.count(name) > 0 ? Source::kFile : Source::kDefault);
    }
  }
  return sources;
}

// Decides between --in-memory and --data-dir. "" or what is wrong.
std::string ChooseStorage(const CLI::App& app, int argc, const char* const* argv,
                          Arguments* arguments) {
  const std::vector<Source> sources = SourcesOf(app, argc, argv, {"--in-memory", "--data-dir"});
  const Source in_memory = sources[0];
  const Source data_dir = sources[1];
  if (arguments->in_memory) {
    if (in_memory == data_dir) {
      return absl::StrCat("--in-memory and --data-dir contradict each other, and both are given ",
                          NameOf(data_dir));
    }
    arguments->in_memory = in_memory > data_dir;
    return "";
  }
  if (data_dir == Source::kDefault) return StateDirectory().error;
  if (arguments->data_dir.empty()) {
    return "--data-dir: expected a directory; for none, say --in-memory";
  }
  return "";
}

// Options that are not given and have no default are only told: they can't be given as nothing.
std::string WithoutEmptyValues(const std::string& config) {
  std::vector<std::string> lines = absl::StrSplit(config, '\n');
  for (std::string& line : lines) {
    if (absl::EndsWith(line, "=\"\"")) line.insert(0, "# ");
  }
  return absl::StrJoin(lines, "\n");
}

// The options in force as a file. What the models are not kept in is only told.
std::string PrintedConfig(const CLI::App& app, const Arguments& arguments) {
  std::string text = WithoutEmptyValues(app.config_to_str(true, true));
  if (arguments.in_memory) return absl::StrReplaceAll(text, {{"\ndata-dir=", "\n# data-dir="}});
  constexpr std::string_view kInMemory = "\nin-memory=";
  const std::size_t value = text.find(kInMemory) + kInMemory.size();
  return text.replace(value, text.find('\n', value) - value, "false");
}

// Whether the option is among the flags.
bool IsAmong(absl::Span<const char* const> flags, const CLI::Option& option) {
  const std::string name = absl::StrCat("--", option.get_single_name());
  return std::any_of(flags.begin(), flags.end(), [&](absl::string_view flag) {
    return flag == name || absl::StartsWith(flag, absl::StrCat(name, "="));
  });
}

// What the environment says, as `variables` and as flags. The flags go in front of the real ones,
// which win over them as they win over the file: CLI11 itself would let the file win over the
// environment. Of an option that may be given several times, flags would be added, so what the
// environment says of one that is among them is left out.
std::vector<std::string> FlagsFromEnvironment(const CLI::App& app,
                                              absl::Span<const char* const> given,
                                              std::string* variables) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_envname().empty()) continue;
    const char* value = Variable(option->get_envname().c_str());
    if (value == nullptr || *value == '\0') continue;
    if (option->get_expected_max() > 1 && IsAmong(given, *option)) continue;
    absl::StrAppend(variables, " ", option->get_envname(), "=", value);
    flags.push_back(absl::StrCat("--", option->get_single_name(), "=", value));
  }
  return flags;
}

Exit UsageError(const std::string& message) {
  return {kExitUsage, absl::StrCat("descentd: ", message, "\nSee descentd --help.\n")};
}

constexpr std::size_t kMiB = std::size_t{1} << 20;

// What --memory-mib and --transport-memory-mib say, in bytes. The second is a part of the first.
struct Memory {
  std::size_t all = 0;
  std::size_t transport = 0;
};

Memory MemoryOf(const Arguments& arguments) {
  const std::size_t machine = MachineMemory();
  Memory memory;
  // Where nothing can be read, as much as a small machine has.
  memory.all = machine == 0 ? 1024 * kMiB : std::max(machine / 5 * 3, 64 * kMiB);
  if (arguments.memory_mib > 0) memory.all = static_cast<std::size_t>(arguments.memory_mib) * kMiB;
  memory.transport = std::min(memory.all / 4, 1024 * kMiB);
  if (arguments.transport_memory_mib > 0) {
    memory.transport = static_cast<std::size_t>(arguments.transport_memory_mib) * kMiB;
  }
  return memory;
}

// "" or what is wrong with who may listen in.
std::string CheckSecurity(const Arguments& arguments) {
  if (arguments.tls_certificate.empty()) {
    if (!arguments.tls_key.empty()) return "--tls-key: it needs --tls-certificate, its certificate";
    if (!arguments.tls_client_ca.empty()) {
      return "--tls-client-ca: it needs --tls-certificate and --tls-key, the server's own";
    }
  } else if (arguments.tls_key.empty()) {
    return "--tls-certificate: it needs --tls-key, its private key";
  }
  if (!arguments.tls_certificate.empty() || arguments.allow_plaintext) return "";
  for (const std::string& address : arguments.listen) {
    if (endpoint::IsOnlyLocal(address)) continue;
    return absl::StrCat("--listen: ", address,
                        ": other machines reach it, and nothing is encrypted; give the server "
                        "--tls-certificate and --tls-key, or say --allow-plaintext");
  }
  if (!arguments.http.empty() && !endpoint::IsOnlyLocal(arguments.http)) {
    return absl::StrCat("--http: ", arguments.http,
                        ": other machines reach it, and nothing is encrypted; give the server "
                        "--tls-certificate and --tls-key, or say --allow-plaintext");
  }
  return "";
}

// Where a health check reaches the server of this machine; empty if only TLS leads there, or it
// asks who calls.
std::string HealthAddress(const Arguments& arguments) {
  if (!arguments.health.empty()) return endpoint::ReachableAddress(arguments.health);
  if (!arguments.access.empty()) return "";
  for (const std::string& address : arguments.listen) {
    if (arguments.tls_certificate.empty() || !endpoint::UnixPath(address).empty()) {
      return endpoint::ReachableAddress(address);
    }
  }
  return "";
}

// "" or what is wrong.
std::string CheckMemory(const Arguments& arguments) {
  const Memory memory = MemoryOf(arguments);
  if (memory.transport <= memory.all / 2) return "";
  return absl::StrCat("--transport-memory-mib: expected at most half of --memory-mib, which is ",
                      memory.all / kMiB, ", got ", memory.transport / kMiB);
}

Serve MakeServe(const Arguments& arguments) {
  const Memory memory = MemoryOf(arguments);
  Serve serve;
  serve.server.listen = arguments.listen;
  serve.server.tls = {.certificate = arguments.tls_certificate,
                      .key = arguments.tls_key,
                      .client_ca = arguments.tls_client_ca};
  serve.server.health = arguments.health;
  serve.http = arguments.http;
  serve.metrics_models = arguments.metrics_models;
  serve.server.max_message_bytes = std::int64_t{arguments.max_message_mib} << 20;
  serve.server.max_streams_per_connection = arguments.max_streams;
  serve.server.max_connections = static_cast<std::size_t>(arguments.max_connections);
  serve.server.transport_memory_bytes = memory.transport;
  services::BoundByMemory(memory.all - memory.transport, &serve.server.unsent);
  serve.server.calls = {
      .caller = {.calls = arguments.max_calls_per_caller,
                 .per_second = arguments.max_rate_per_caller,
                 .bytes = static_cast<std::size_t>(arguments.max_mib_per_caller) * kMiB},
      .connection = {.per_second = arguments.max_rate_per_connection,
                     .bytes = static_cast<std::size_t>(arguments.max_mib_per_connection) * kMiB}};
  services::BoundByMemory(memory.all - memory.transport, &serve.server.calls);
  if (arguments.max_connection_age > 0) {
    serve.server.max_connection_age = absl::Seconds(arguments.max_connection_age);
  }
  serve.models.max_answer_bytes = static_cast<std::size_t>(serve.server.max_message_bytes);
  serve.models.threads = arguments.threads;
  models::SetMemoryBudget(memory.all - memory.transport, &serve.models);
  serve.log_format = LogFormats().at(arguments.log_format);
  serve.log_level = LogLevels().at(arguments.log_level);
  serve.drain_timeout = absl::Seconds(arguments.drain_timeout);
  serve.access_file = arguments.access;
  serve.access_log = arguments.access_log;
  serve.slow_call = absl::Milliseconds(arguments.slow_call_ms);
  serve.in_memory = arguments.in_memory;
  serve.models.session_window = arguments.session_window;
  serve.models.max_merged_rows = arguments.max_merged_rows;
  if (arguments.max_read_wait_ms > 0) {
    serve.models.longest_read_wait = absl::Milliseconds(arguments.max_read_wait_ms);
  }
  serve.models.max_models = static_cast<std::size_t>(arguments.max_models);
  serve.models.request_window = static_cast<std::size_t>(arguments.request_window);
  serve.models.request_window_age = absl::Seconds(arguments.request_window_age);
  serve.storage.directory = arguments.data_dir;
  serve.storage.accept_missing_logs = arguments.accept_missing_logs;
  serve.storage.checkpoint_journal_bytes = std::int64_t{arguments.checkpoint_journal_mib} << 20;
  serve.storage.checkpoint_interval = absl::Seconds(arguments.checkpoint_interval);
  serve.storage.kept_checkpoints = arguments.kept_checkpoints;
  serve.storage.request_window = arguments.request_window;
  serve.storage.request_window_age = serve.models.request_window_age;
  return serve;
}

// The options that are not as by default.
std::vector<std::pair<std::string, std::string>> ChangedOptions(const CLI::App& app) {
  std::vector<std::pair<std::string, std::string>> changed;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0 || !option->get_configurable() || option == app.get_config_ptr()) {
      continue;
    }
    std::string value = absl::StrJoin(option->reduced_results(), ",");
    if (value == option->get_default_str()) continue;
    changed.emplace_back(absl::StrCat("--", option->get_single_name()), std::move(value));
  }
  return changed;
}

// What --config names; empty without it.
std::string FileOf(const CLI::App& app) {
  const CLI::Option* config = app.get_config_ptr();
  return config->count() > 0 ? config->results().back() : std::string();
}

}  // namespace

Invocation ParseOptions(int argc, const char* const* argv) {
  Arguments arguments;
  CLI::App app("", "descentd");
  AddOptions(&app, &arguments);

  std::string variables;
  std::vector<std::string> args = FlagsFromEnvironment(
      app, absl::MakeConstSpan(argv + 1, static_cast<std::size_t>(std::max(argc - 1, 0))),
      &variables);
  args.insert(args.end(), argv + 1, argv + argc);
  std::reverse(args.begin(), args.end());  // as CLI11 takes them
  try {
    app.parse(std::move(args));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      const bool version = dynamic_cast<const CLI::CallForVersion*>(&error) != nullptr;
      return Exit{kExitOk, version ? absl::StrCat(error.what(), "\n") : app.help()};
    }
    std::string message = error.what();
    const std::string file = FileOf(app);
    if (dynamic_cast<const CLI::ConfigError*>(&error) != nullptr) {
      message =
          absl::StrCat(file, ": expected lines such as threads = 4, with options that --help ",
                       "names; ", message);
    } else if (!file.empty()) {
      absl::StrAppend(&message, "\nThe file ", file, " has options too");
    }
    if (!variables.empty()) absl::StrAppend(&message, "\nThe environment has", variables);
    return UsageError(message);
  }

  if (app.got_subcommand("healthcheck")) {
    const std::string server =
        arguments.server.empty() ? HealthAddress(arguments) : arguments.server;
    if (server.empty()) {
      return UsageError(
          "healthcheck: the server takes calls over TLS alone, or of those alone whom --access "
          "names; give it a --health address");
    }
    return HealthCheck{server, absl::Seconds(arguments.timeout)};
  }
  if (app.got_subcommand("verify")) {
    const Serve serve = MakeServe(arguments);
    Verify verify{.storage = serve.storage, .models = serve.models, .json = arguments.json};
    verify.storage.directory = arguments.verified;
    return verify;
  }
  if (const std::string wrong = ChooseStorage(app, argc, argv, &arguments); !wrong.empty()) {
    return UsageError(wrong);
  }
  for (const std::string& wrong : {CheckMemory(arguments), CheckSecurity(arguments)}) {
    if (!wrong.empty()) return UsageError(wrong);
  }
  if (arguments.print_config) return Exit{kExitOk, PrintedConfig(app, arguments)};
  Serve serve = MakeServe(arguments);
  serve.changed = ChangedOptions(app);
  return serve;
}

}  // namespace descent
