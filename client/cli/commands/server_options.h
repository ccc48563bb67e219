// The options of all commands that say where the server is, and who asks it.

#ifndef CLIENT_CLI_COMMANDS_SERVER_OPTIONS_H_
#define CLIENT_CLI_COMMANDS_SERVER_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/descent/options.h"

namespace descent::cli {

class ServerOptions {
 public:
  explicit ServerOptions(CLI::App* app);

  // Takes from the environment what no option says: $DESCENT_SERVER, $DESCENT_TLS and so on. A
  // usage error if that makes no sense.
  absl::Status ReadEnvironment();

  // A command that asks no server has no use for any of them. The environment is for all commands,
  // and contradicts none.
  absl::Status CheckNoneGiven() const;

  // Where to connect to and as whom, with the files read. A usage error naming the option.
  absl::StatusOr<client::ClientOptions> ForClient() const;

  double connect_timeout() const { return connect_timeout_; }
  // What says where the server is: "--server", "$DESCENT_SERVER"; empty: nothing.
  const std::string& origin() const { return origin_; }
  // `status` with that, if it is not plain to see on the command line.
  absl::Status WithOrigin(const absl::Status& status) const;

 private:
  // An option that the environment may say too.
  struct Setting {
    const CLI::Option* option;
    const char* variable;
    std::string* value;
  };

  bool asks_for_tls() const;
  absl::StatusOr<std::string> Token() const;

  std::string server_ = "127.0.0.1:50051";
  double connect_timeout_ = 10;
  bool tls_ = false;
  std::string tls_ca_;
  std::string tls_certificate_;
  std::string tls_key_;
  std::string token_file_;
  std::string token_;  // the environment's
  std::string origin_;

  const CLI::Option* server_option_;
  const CLI::Option* tls_option_;
  std::vector<const CLI::Option*> all_;
  std::vector<Setting> settings_;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_COMMANDS_SERVER_OPTIONS_H_
