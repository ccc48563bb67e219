// descentd's options as they are typed, and what the command line's parser is told of them.

#ifndef SERVER_ARGUMENTS_H_
#define SERVER_ARGUMENTS_H_

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "server/machine_cores.h"
#include "server/ops/log.h"

namespace descent {

// A default that may not be usable: an error then, which counts only if the default does.
struct DefaultDirectory {
  std::string path;
  std::string error;
};

// Where a program keeps what has to last: systemd says it, or the platform's convention does.
DefaultDirectory StateDirectory();

// The environment's; null where it is not set.
const char* Variable(const char* name);

// "DESCENT_LISTEN" for --listen.
std::string VariableOf(const CLI::Option& option);

// Options as they are typed.
struct Arguments {
  std::vector<std::string> listen = {"127.0.0.1:50051"};
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;
  bool allow_plaintext = false;
  std::string health;
  std::string http;
  int metrics_models = 1000;
  std::string data_dir = StateDirectory().path;
  bool in_memory = false;
  bool accept_missing_logs = false;
  int checkpoint_journal_mib = 64;
  int checkpoint_interval = 300;
  int kept_checkpoints = 2;
  int request_window = 1024;
  int request_window_age = 600;
  int session_window = 512;
  int max_merged_rows = 256;
  int threads = MachineCores();
  int max_message_mib = 64;
  int memory_mib = 0;            // 0: by the machine
  int transport_memory_mib = 0;  // 0: by memory_mib
  int max_streams = 256;
  int max_connections = 0;
  int max_rate_per_connection = 0;
  int max_mib_per_connection = 512;
  int max_calls_per_caller = 0;
  int max_rate_per_caller = 0;
  int max_mib_per_caller = 0;
  int max_models = 100'000;
  int max_read_wait_ms = 0;
  int max_connection_age = 0;
  double drain_timeout = 8;
  std::string access;  // empty: everybody may do everything
  std::string log_format = "text";
  std::string log_level = "info";
  std::string access_log;
  int slow_call_ms = 1000;

  bool print_config = false;
  std::string server;
  double timeout = 3;

  std::string verified;
  bool json = false;
};

// The words of --log-format and --log-level.
const std::map<std::string, ops::LogFormat>& LogFormats();
const std::map<std::string, ops::LogLevel>& LogLevels();

// Adds every option and command of descentd to `app`, which puts what is given into `arguments`.
void AddOptions(CLI::App* app, Arguments* arguments);

}  // namespace descent

#endif  // SERVER_ARGUMENTS_H_
