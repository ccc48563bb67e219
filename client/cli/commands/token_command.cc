// token: makes a token, and what the server's access file has to say about who has it.

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands/command.h"
#include "client/cli/display/output.h"
#include "client/cli/status_macros.h"

namespace descent::cli {
namespace {

struct TokenOptions {
  std::string name;  // empty: by the digest
  std::string role = "reader";
  std::vector<std::string> models;  // none: every model
  std::string file;                 // where the token goes; empty: to standard output
};

// What tokens begin with, so that those who find one know what it is.
constexpr char kTokenPrefix[] = "dsc_";
constexpr size_t kRandomBytes = 32;

absl::StatusOr<std::string> MakeToken() {
  std::array<char, kRandomBytes> bytes;
  if (getentropy(bytes.data(), bytes.size()) != 0) {
    return absl::InternalError(
        absl::StrCat("the system gives no random bytes: ", std::generic_category().message(errno)));
  }
  return absl::StrCat(kTokenPrefix, absl::WebSafeBase64Escape({bytes.data(), bytes.size()}));
}

absl::StatusOr<std::string> Sha256Hex(const std::string& text) {
  std::array<unsigned char, 32> digest;
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    return absl::InternalError("OpenSSL has no SHA-256");
  }
  return absl::BytesToHexString(std::string(digest.begin(), digest.end()));
}

// As descentd checks them, so that it does not refuse what was made here.
absl::Status Check(const TokenOptions& options) {
  const auto is_in_name = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::string_view("._-@:/").find(c) != absl::string_view::npos;
  };
  const auto is_in_pattern = [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
           absl::string_view("._-*").find(c) != absl::string_view::npos;
  };
  const std::string& name = options.name;
  if (name.size() > 64 || !std::all_of(name.begin(), name.end(), is_in_name)) {
    return UsageError(absl::StrCat("--name: expected 1 to 64 letters, digits and ._-@:/, got \"",
                                   absl::CHexEscape(name), "\""));
  }
  for (const std::string& model : options.models) {
    if (model.empty() || model.size() > 63 ||
        !std::all_of(model.begin(), model.end(), is_in_pattern)) {
      return UsageError(
          absl::StrCat("--models: expected 1 to 63 of a-z, 0-9, '.', '_', '-' and "
                       "'*', got \"",
                       absl::CHexEscape(model), "\""));
    }
  }
  return absl::OkStatus();
}

// A file that is not there yet, and that its owner alone can read.
absl::Status WriteSecret(const std::string& path, const std::string& text) {
  const int descriptor =
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0 && errno == EEXIST) {
    return UsageError(absl::StrCat(path, " is there already, and may be a token that is in use"));
  }
  if (descriptor < 0) return FileError(path, std::generic_category().message(errno));
  const bool written =
      write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      fsync(descriptor) == 0;
  const int error = errno;
  close(descriptor);
  if (written) return absl::OkStatus();
  unlink(path.c_str());
  return FileError(path, std::generic_category().message(error));
}

std::string Quoted(const std::string& text) { return absl::StrCat("\"", text, "\""); }

std::string EntryOf(const TokenOptions& options, const std::string& digest) {
  std::string entry =
      absl::StrCat("\n[[caller]]\nname = ", Quoted(options.name),
                   "\ntoken_sha256 = ", Quoted(digest), "\nrole = ", Quoted(options.role), "\n");
  if (options.models.empty()) return entry;
  std::vector<std::string> models;
  for (const std::string& model : options.models) models.push_back(Quoted(model));
  absl::StrAppend(&entry, "models = [", absl::StrJoin(models, ", "), "]\n");
  return entry;
}

absl::StatusOr<ExitCode> Make(TokenOptions options, bool json) {
  RETURN_IF_ERROR(Check(options));
  ASSIGN_OR_RETURN(const std::string token, MakeToken());
  ASSIGN_OR_RETURN(const std::string digest, Sha256Hex(token));
  if (options.name.empty()) options.name = absl::StrCat("caller-", digest.substr(0, 8));
  if (!options.file.empty()) {
    RETURN_IF_ERROR(WriteSecret(options.file, absl::StrCat(token, "\n")));
  }
  if (json) {
    nlohmann::ordered_json result = {
        {"name", options.name}, {"token_sha256", digest}, {"role", options.role}};
    if (!options.models.empty()) result["models"] = options.models;
    if (options.file.empty()) result["token"] = token;
    PrintJson(result);
    return ExitCode::kOk;
  }
  if (options.file.empty()) {
    Note("descent: the token, for the caller alone; it is shown this once:");
    Print(absl::StrCat(token, "\n"));
  }
  Note("descent: for the file of descentd's --access:");
  Print(EntryOf(options, digest));
  return ExitCode::kOk;
}

constexpr char kFooter[] = R"(
The server knows tokens by their SHA-256 alone, so nobody learns them from its file, and one that
is lost can only be replaced. Asks no server: the lines take effect when they are in the file of
descentd --access, which is read again when it changes. With --file the token itself goes nowhere
else:

  descent token --name web --models 'pricing-*' --file web.token >> access.toml)";

}  // namespace

void AddTokenCommand(CLI::App* app, LocalCommand* chosen) {
  CLI::App* command = app->add_subcommand("token", "Make a token that lets a caller into a server");
  command->footer(kFooter);
  auto options = std::make_shared<TokenOptions>();
  command
      ->add_option("--name", options->name,
                   "Whose it is, for people and the log (default made of the token's digest)")
      ->option_text("NAME");
  command
      ->add_option(
          "--role", options->role,
          "What its caller may do: reader (ask models), trainer (also train them, and their "
          "checkpoints), admin (everything) (default reader)")
      ->check(CLI::IsMember({"reader", "trainer", "admin"}))
      ->option_text("ROLE");
  command
      ->add_option("--models", options->models,
                   "Which models it may use: names, in which * stands for any characters (default "
                   "every model)")
      ->option_text("PATTERN...");
  command
      ->add_option("--file", options->file,
                   "Write the token to this new file, which its owner alone can read, and not to "
                   "standard output")
      ->option_text("FILE");
  command->callback(
      [options, chosen] { *chosen = [options](bool json) { return Make(*options, json); }; });
}

}  // namespace descent::cli
