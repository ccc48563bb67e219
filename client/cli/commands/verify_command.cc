// verify: has descentd check a data directory. The format is the server's affair, so the server's
// program does it, in the place of this one.

#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"

namespace descent::cli {
namespace {

constexpr char kProgram[] = "descentd";

// The program of that name in the directory of this one; empty if that can't be told.
std::string ProgramBesideThisOne() {
  std::string path(4096, '\0');
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0 || static_cast<size_t>(size) == path.size()) return "";
  path.resize(static_cast<size_t>(size));
  return absl::StrCat(path.substr(0, path.rfind('/') + 1), kProgram);
}

// Ends this process in descentd's; returns only if there is none to be found.
absl::Status Verify(const std::string& directory, bool json) {
  // A directory's name is not an option, whatever it begins with.
  std::string argument =
      absl::StartsWith(directory, "-") ? absl::StrCat("./", directory) : directory;
  std::vector<std::string> arguments = {kProgram, "verify", argument};
  if (json) arguments.emplace_back("--json");
  std::vector<char*> pointers;
  for (std::string& text : arguments) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  if (const std::string beside = ProgramBesideThisOne(); !beside.empty()) {
    execv(beside.c_str(), pointers.data());
  }
  execvp(kProgram, pointers.data());
  return absl::UnavailableError(
      absl::StrCat("descentd, which does the checking, can't be run: it is neither beside this "
                   "program nor on the PATH (",
                   std::generic_category().message(errno), ")"));
}

constexpr char kVerifyFooter[] = R"(
Reads a data directory that no server has open, or one with a backup in it as descent.db: the
checksums of everything, then every journal applied again and the hashes of the states compared.
Changes nothing, and asks no server. Done by descentd, which must be installed beside this program
or be on the PATH.

Exit status: 0 when all is well, 64 on bad usage, 65 when something is damaged, 69 when there is no
descentd, 74 when the directory can't be read.)";

}  // namespace

void AddVerifyCommand(CLI::App* app, LocalCommand* chosen) {
  CLI::App* command = app->add_subcommand("verify", "Check a data directory while no server runs");
  command->footer(kVerifyFooter);
  auto directory = std::make_shared<std::string>();
  command->add_option("DIR", *directory, "The directory")->option_text(" ")->required();
  command->callback([directory, chosen] {
    *chosen = [directory](bool json) -> absl::StatusOr<ExitCode> {
      return Verify(*directory, json);
    };
  });
}

}  // namespace descent::cli
