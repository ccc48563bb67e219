#include "client/cli/commands/server_options.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/failure.h"
#include "client/cli/status_macros.h"
#include "client/descent/tls.h"

namespace descent::cli {
namespace {

constexpr char kServerVariable[] = "DESCENT_SERVER";
constexpr char kTlsVariable[] = "DESCENT_TLS";
constexpr char kTokenVariable[] = "DESCENT_TOKEN";
constexpr char kTraceVariable[] = "TRACEPARENT";  // as other tools have it

// Empty if it is not set.
std::string Variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return value == nullptr ? "" : value;
}

absl::StatusOr<bool> ParseSwitch(const char* variable, const std::string& text) {
  const std::string word = absl::AsciiStrToLower(text);
  for (const absl::string_view yes : {"1", "true", "yes", "on"}) {
    if (word == yes) return true;
  }
  for (const absl::string_view no : {"", "0", "false", "no", "off"}) {
    if (word == no) return false;
  }
  return UsageError(absl::StrCat("$", variable, ": expected true or false, got '", text, "'"));
}

}  // namespace

ServerOptions::ServerOptions(CLI::App* app) {
  const auto add = [&](CLI::Option* option) {
    all_.push_back(option);
    return option;
  };
  server_option_ = add(app->add_option("--server", server_,
                                       "Where descentd listens, also unix:PATH (default "
                                       "$DESCENT_SERVER, or else 127.0.0.1:50051)")
                           ->option_text("HOST:PORT"));
  add(app->add_option("--connect-timeout", connect_timeout_,
                      "How long to wait for a server that doesn't answer (default 10)")
          ->option_text("SECONDS")
          ->check(CLI::NonNegativeNumber));
  tls_option_ =
      add(app->add_flag("--tls", tls_,
                        "Encrypt, and check who the server is (also $DESCENT_TLS; said by "
                        "the other options of TLS too)"));
  const auto add_text = [&](const char* name, const char* variable, const char* help,
                            std::string* value) {
    settings_.push_back(
        {add(app->add_option(name, *value, help)->option_text("FILE")), variable, value});
  };
  add_text("--tls-ca", "DESCENT_TLS_CA",
           "Authorities that the server's certificate may be of, in PEM (default the system's)",
           &tls_ca_);
  add_text("--tls-certificate", "DESCENT_TLS_CERTIFICATE",
           "Your own certificate in PEM, for a server that asks for one", &tls_certificate_);
  add_text("--tls-key", "DESCENT_TLS_KEY", "The certificate's private key in PEM", &tls_key_);
  add_text("--token-file", "DESCENT_TOKEN_FILE",
           "A file with the token that says who you are; or the token itself in $DESCENT_TOKEN",
           &token_file_);
}

absl::Status ServerOptions::ReadEnvironment() {
  if (server_option_->count() > 0) {
    origin_ = "--server";
  } else if (std::string server = Variable(kServerVariable); !server.empty()) {
    server_ = std::move(server);
    origin_ = absl::StrCat("$", kServerVariable);
  }
  if (tls_option_->count() == 0) {
    ASSIGN_OR_RETURN(tls_, ParseSwitch(kTlsVariable, Variable(kTlsVariable)));
  }
  bool token_file_given = false;
  for (const Setting& setting : settings_) {
    const bool given = setting.option->count() > 0;
    if (!given) *setting.value = Variable(setting.variable);
    if (setting.value == &token_file_) token_file_given = given;
  }
  if (!token_file_given) token_ = Variable(kTokenVariable);
  return absl::OkStatus();
}

absl::Status ServerOptions::CheckNoneGiven() const {
  for (const CLI::Option* option : all_) {
    if (option->count() == 0) continue;
    return UsageError(absl::StrCat(option->get_name(), ": this command asks no server"));
  }
  return absl::OkStatus();
}

bool ServerOptions::asks_for_tls() const {
  return tls_ || !tls_ca_.empty() || !tls_certificate_.empty() || !tls_key_.empty();
}

absl::StatusOr<std::string> ServerOptions::Token() const {
  if (!token_.empty()) return std::string(absl::StripAsciiWhitespace(token_));
  if (token_file_.empty()) return std::string();
  errno = 0;
  std::ifstream file(token_file_);
  std::string token;
  std::getline(file, token);
  token = std::string(absl::StripAsciiWhitespace(token));
  if (!token.empty()) return token;
  return UsageError(absl::StrCat("--token-file: ", token_file_, ": ",
                                 file.is_open() ? "there is no token in its first line"
                                                : std::generic_category().message(errno)));
}

absl::StatusOr<client::ClientOptions> ServerOptions::ForClient() const {
  client::ClientOptions options;
  options.target = server_;
  ASSIGN_OR_RETURN(options.token, Token());
  options.traceparent = Variable(kTraceVariable);
  // A socket of this machine is not encrypted, whatever the environment says of other servers.
  const bool is_socket = absl::StartsWith(server_, "unix:");
  if (is_socket && tls_option_->count() > 0) {
    return UsageError("--tls: a Unix socket is not encrypted");
  }
  if (asks_for_tls() && !is_socket) {
    auto credentials =
        client::TlsCredentials({.ca = tls_ca_, .certificate = tls_certificate_, .key = tls_key_});
    if (!credentials.ok()) {
      return UsageError(absl::StrCat("--tls-", credentials.status().message()));
    }
    options.credentials = *std::move(credentials);
  }
  return options;
}

absl::Status ServerOptions::WithOrigin(const absl::Status& status) const {
  if (status.ok() || origin_ != absl::StrCat("$", kServerVariable)) return status;
  absl::Status told(status.code(),
                    absl::StrCat(status.message(), "; the address is from ", origin_));
  status.ForEachPayload(
      [&told](absl::string_view url, const absl::Cord& payload) { told.SetPayload(url, payload); });
  return told;
}

}  // namespace descent::cli
