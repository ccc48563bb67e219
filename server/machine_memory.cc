#include "server/machine_memory.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "server/control_groups.h"

namespace descent {
namespace {

constexpr std::size_t kNoBound = std::numeric_limits<std::size_t>::max();

// A file of one number; "max" and anything else bounds nothing.
std::size_t Bound(const std::string& path) {
  const std::vector<std::string> lines = LinesOf(path);
  std::uint64_t bytes = 0;
  if (lines.empty() || !absl::SimpleAtoi(lines.front(), &bytes)) return kNoBound;
  return bytes;
}

std::size_t PhysicalMemory(const std::string& root) {
  for (const std::string& line : LinesOf(root + "/proc/meminfo")) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    std::uint64_t kibibytes = 0;
    if (words.size() >= 2 && words[0] == "MemTotal:" && absl::SimpleAtoi(words[1], &kibibytes)) {
      return kibibytes << 10;
    }
  }
  return kNoBound;
}

}  // namespace

std::size_t MachineMemory(const std::string& root) {
  std::size_t least = PhysicalMemory(root);
  for (const std::string& directory : ControlGroupDirectories("memory", root)) {
    for (const char* file : {"/memory.max", "/memory.high", "/memory.limit_in_bytes"}) {
      least = std::min(least, Bound(directory + file));
    }
  }
  return least == kNoBound ? 0 : least;
}

}  // namespace descent
