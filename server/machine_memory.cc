#include "server/machine_memory.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace descent {
namespace {

constexpr std::size_t kNoBound = std::numeric_limits<std::size_t>::max();

std::vector<std::string> Lines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  return lines;
}

// A file of one number; "max" and anything else bounds nothing.
std::size_t Bound(const std::string& path) {
  const std::vector<std::string> lines = Lines(path);
  std::uint64_t bytes = 0;
  if (lines.empty() || !absl::SimpleAtoi(lines.front(), &bytes)) return kNoBound;
  return bytes;
}

// The least of `files` in the group and in every one above it. A container sees its own group as
// the root, while the process's path may be that of the machine: what is not there is passed over.
std::size_t LeastBound(const std::string& hierarchy, std::string group,
                       const std::vector<std::string>& files) {
  std::size_t least = kNoBound;
  for (;;) {
    for (const std::string& file : files) {
      least = std::min(least, Bound(absl::StrCat(hierarchy, group, "/", file)));
    }
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
  }
}

std::size_t PhysicalMemory(const std::string& root) {
  for (const std::string& line : Lines(root + "/proc/meminfo")) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    std::uint64_t kibibytes = 0;
    if (words.size() >= 2 && words[0] == "MemTotal:" && absl::SimpleAtoi(words[1], &kibibytes)) {
      return kibibytes << 10;
    }
  }
  return kNoBound;
}

bool NamesMemory(const std::string& controllers) {
  const std::vector<std::string> names = absl::StrSplit(controllers, ',');
  return std::find(names.begin(), names.end(), "memory") != names.end();
}

}  // namespace

std::size_t MachineMemory(const std::string& root) {
  std::size_t least = PhysicalMemory(root);
  for (const std::string& line : Lines(root + "/proc/self/cgroup")) {
    // "0::/user.slice/a.scope" of version 2, "5:memory:/docker/1234" of version 1.
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    if (parts[1].empty()) {
      for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
        least = std::min(least, LeastBound(root + mount, parts[2], {"memory.max", "memory.high"}));
      }
    } else if (NamesMemory(parts[1])) {
      least = std::min(
          least, LeastBound(root + "/sys/fs/cgroup/memory", parts[2], {"memory.limit_in_bytes"}));
    }
  }
  return least == kNoBound ? 0 : least;
}

}  // namespace descent
