#include "server/machine_cores.h"

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/control_groups.h"

namespace descent {
namespace {

// A core is known by the list of its hardware threads, "0-1" or "3,67".
std::string CoreOf(int processor, const std::string& root) {
  const std::vector<std::string> lines = LinesOf(absl::StrCat(
      root, "/sys/devices/system/cpu/cpu", processor, "/topology/thread_siblings_list"));
  return lines.empty() ? absl::StrCat(processor) : lines.front();
}

// What a quota of microseconds in each period is worth, without bound if there is none.
std::int64_t CoresOf(const std::string& quota, const std::string& period) {
  std::int64_t quota_us = 0;
  std::int64_t period_us = 0;
  const bool bounded = absl::SimpleAtoi(quota, &quota_us) && absl::SimpleAtoi(period, &period_us) &&
                       quota_us > 0 && period_us > 0;
  return bounded ? quota_us / period_us : std::numeric_limits<std::int64_t>::max();
}

std::int64_t QuotaOf(const std::string& directory) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  // "150000 100000" or "max 100000".
  for (const std::string& line : LinesOf(directory + "/cpu.max")) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() == 2) least = std::min(least, CoresOf(words[0], words[1]));
  }
  const std::vector<std::string> quota = LinesOf(directory + "/cpu.cfs_quota_us");
  const std::vector<std::string> period = LinesOf(directory + "/cpu.cfs_period_us");
  if (!quota.empty() && !period.empty()) {
    least = std::min(least, CoresOf(quota.front(), period.front()));
  }
  return least;
}

}  // namespace

std::vector<int> AllowedProcessors() {
  std::vector<int> processors;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &set)) processors.push_back(i);
    }
    return processors;
  }
  // More of them than the set holds.
  const int count = static_cast<int>(std::thread::hardware_concurrency());
  for (int i = 0; i < count; ++i) processors.push_back(i);
  return processors;
}

int MachineCores(const std::vector<int>& processors, const std::string& root) {
  std::set<std::string> cores;
  for (const int processor : processors) cores.insert(CoreOf(processor, root));
  auto count = static_cast<std::int64_t>(cores.size());
  for (const std::string& directory : ControlGroupDirectories("cpu", root)) {
    count = std::min(count, QuotaOf(directory));
  }
  return static_cast<int>(std::max<std::int64_t>(count, 1));
}

}  // namespace descent
