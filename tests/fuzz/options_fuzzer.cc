#include "tests/fuzz/options_fuzzer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/check.h"
#include "server/options.h"

namespace descent {
namespace {

// A file in memory, which has a path as long as the process lives.
const std::string& WriteFile(std::string_view contents) {
  static const int file = memfd_create("options", 0);
  static const std::string path = absl::StrCat("/proc/self/fd/", file);
  DESCENT_CHECK(ftruncate(file, 0) == 0);
  DESCENT_CHECK(pwrite(file, contents.data(), contents.size(), 0) ==
                static_cast<ssize_t>(contents.size()));
  return path;
}

Invocation Parse(const std::vector<std::string>& flags) {
  std::vector<const char*> argv = {"descentd"};
  for (const std::string& flag : flags) argv.push_back(flag.c_str());
  return ParseOptions(static_cast<int>(argv.size()), argv.data());
}

void CheckServe(const Serve& serve) {
  DESCENT_CHECK(serve.models.threads >= 1 && serve.models.threads <= 1024);
  DESCENT_CHECK(serve.server.max_message_bytes >= 1 << 20);
  DESCENT_CHECK(serve.storage.kept_checkpoints >= 1);
  DESCENT_CHECK(serve.drain_timeout >= absl::ZeroDuration());
  DESCENT_CHECK(serve.in_memory || !serve.storage.directory.empty());
  DESCENT_CHECK(!serve.server.listen.empty());
}

// The options' values as --print-config prints them, without what is only for people.
std::vector<std::string> Values(const std::string& printed) {
  std::vector<std::string> values;
  for (const absl::string_view line : absl::StrSplit(printed, '\n')) {
    if (!line.empty() && line.front() != '#') values.emplace_back(line);
  }
  return values;
}

void CheckExit(const Exit& exit) {
  DESCENT_CHECK(exit.code == kExitOk || exit.code == kExitUsage);
  DESCENT_CHECK(!exit.output.empty());
  DESCENT_CHECK(exit.code == kExitOk || absl::StartsWith(exit.output, "descentd: "));
}

// `printed` by --print-config: the file means the same.
void CheckReadBack(const std::string& printed) {
  // CLI11 writes text in quotes as it is.
  if (printed.find('\\') != std::string::npos || printed.find('\'') != std::string::npos) return;
  const Invocation again = Parse({"--config", WriteFile(printed), "--print-config"});
  const auto* exit = std::get_if<Exit>(&again);
  DESCENT_CHECK(exit != nullptr && exit->code == kExitOk);
  DESCENT_CHECK(Values(exit->output) == Values(printed));
}

void Check(const std::vector<std::string>& flags) {
  const Invocation invocation = Parse(flags);
  if (const auto* serve = std::get_if<Serve>(&invocation)) CheckServe(*serve);
  if (const auto* exit = std::get_if<Exit>(&invocation)) CheckExit(*exit);
}

constexpr const char* kVariables[] = {
    "DESCENT_LISTEN",        "DESCENT_THREADS",  "DESCENT_MAX_MESSAGE_MIB", "DESCENT_MEMORY_MIB",
    "DESCENT_DRAIN_TIMEOUT", "DESCENT_DATA_DIR", "DESCENT_IN_MEMORY",       "DESCENT_LOG_FORMAT",
    "DESCENT_LOG_LEVEL",     "DESCENT_CONFIG",   "STATE_DIRECTORY",         "XDG_STATE_HOME",
    "DESCENT_REQUEST_WINDOW"};

void CheckEnvironment(const std::string& text) {
  for (const absl::string_view line : absl::StrSplit(text.c_str(), '\n')) {  // no zero bytes
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits('=', 1));
    for (const char* name : kVariables) {
      if (parts.size() == 2 && parts[0] == name) {
        setenv(name, parts[1].c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
      }
    }
  }
  Check({});
  const Invocation printing = Parse({"--print-config"});
  CheckExit(std::get<Exit>(printing));
  for (const char* name : kVariables) unsetenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
}

void CheckFile(const std::string& text) {
  Check({"--config", WriteFile(text)});
  const Invocation printing = Parse({"--config", WriteFile(text), "--print-config"});
  const Exit printed = std::get<Exit>(printing);
  CheckExit(printed);
  if (printed.code == kExitOk && absl::StrContains(printed.output, "listen=")) {
    CheckReadBack(printed.output);
  }
}

}  // namespace
}  // namespace descent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The entry point stands outside of all namespaces.
  using namespace descent;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (static_cast<OptionSource>(data[0] % kOptionSources)) {
    case OptionSource::kFile:
      CheckFile(text);
      break;
    case OptionSource::kEnvironment:
      CheckEnvironment(text);
      break;
    case OptionSource::kFlags:
      Check(absl::StrSplit(text.c_str(), '\n', absl::SkipEmpty()));
      break;
  }
  return 0;
}
