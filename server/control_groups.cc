#include "server/control_groups.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace descent {
namespace {

bool Names(const std::string& controllers, std::string_view controller) {
  const std::vector<std::string> names = absl::StrSplit(controllers, ',');
  return std::find(names.begin(), names.end(), controller) != names.end();
}

void AddGroupAndThoseAbove(const std::string& hierarchy, std::string group,
                           std::vector<std::string>* directories) {
  for (;;) {
    directories->push_back(absl::StrCat(hierarchy, group));
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) return;
    group.resize(slash);
  }
}

}  // namespace

std::vector<std::string> LinesOf(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  return lines;
}

std::vector<std::string> ControlGroupDirectories(std::string_view controller,
                                                 const std::string& root) {
  std::vector<std::string> directories;
  for (const std::string& line : LinesOf(root + "/proc/self/cgroup")) {
    // "0::/user.slice/a.scope" of version 2, "5:cpu,cpuacct:/docker/1234" of version 1.
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    if (parts[1].empty()) {
      AddGroupAndThoseAbove(root + "/sys/fs/cgroup", parts[2], &directories);
      AddGroupAndThoseAbove(root + "/sys/fs/cgroup/unified", parts[2], &directories);
    } else if (Names(parts[1], controller)) {
      const std::string mount = root + "/sys/fs/cgroup/" + std::string(controller);
      AddGroupAndThoseAbove(mount, parts[2], &directories);
    }
  }
  return directories;
}

}  // namespace descent
