// What descentd is told: by flag, environment or file.

#ifndef SERVER_OPTIONS_H_
#define SERVER_OPTIONS_H_

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "server/models/options.h"
#include "server/ops/log.h"
#include "server/ops/server.h"
#include "server/store/sqlite_options.h"

namespace descent {

// How descentd ends; from 64 on with the numbers of sysexits.h.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;            // healthcheck: not serving; a drain cut short
inline constexpr int kExitUsage = 64;             // bad options, and files that they name
inline constexpr int kExitDamaged = 65;           // verify: something is damaged
inline constexpr int kExitCannotListen = 69;      // the address can't be listened on
inline constexpr int kExitBadDataDirectory = 74;  // the data directory can't be used

// Runs the server.
struct Serve {
  ops::ServerOptions server;
  int metrics_models = 1000;  // see metrics::Exposition
  std::string http;           // HOST:PORT or unix:PATH of the HTTP port; empty: none
  models::ModelsOptions models;
  ops::LogFormat log_format = ops::LogFormat::kText;
  ops::LogLevel log_level = ops::LogLevel::kInfo;
  absl::Duration drain_timeout;
  std::string access_log;    // a line for each call; empty: none
  absl::Duration slow_call;  // such calls are logged; zero: none
  std::string access_file;   // who may do what; empty: everybody everything
  bool in_memory = false;    // no data directory: models are gone with the server
  store::SqliteStoreOptions storage;
  // Options that are not as by default, as they are typed; there are no secrets among options.
  std::vector<std::pair<std::string, std::string>> changed = {};
};

// Checks a data directory that no server has open.
struct Verify {
  store::SqliteStoreOptions storage;
  models::ModelsOptions models;
  bool json = false;
};

// Asks a running server whether it is well.
struct HealthCheck {
  std::string server;  // HOST:PORT
  absl::Duration timeout;
};

// Prints something and ends.
struct Exit {
  int code = kExitOk;
  std::string output;  // to stdout when the code is 0, to stderr otherwise
};

using Invocation = std::variant<Serve, HealthCheck, Verify, Exit>;

// Flags win over environment variables (DESCENT_…), these over the file of --config, and that over
// the defaults. What is none of our options is an error in flags and file. Defaults, units and
// costs are explained by --help, which is the one place that says them all.
Invocation ParseOptions(int argc, const char* const* argv);

}  // namespace descent

#endif  // SERVER_OPTIONS_H_
