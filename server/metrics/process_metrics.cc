#include "server/metrics/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace descent::metrics {
namespace {

std::string Contents(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Numbers of /proc/self/stat, by their places as proc(5) counts them.
class Stat {
 public:
  Stat() : text_(Contents("/proc/self/stat")) {
    // The second is the program's name in parentheses, which may hold anything.
    const std::size_t end = text_.rfind(')');
    if (end == std::string::npos) return;
    fields_ = absl::StrSplit(absl::string_view(text_).substr(end + 1), ' ', absl::SkipEmpty());
  }

  std::optional<double> At(std::size_t place) const {
    constexpr std::size_t kFirst = 3;
    double value = 0;
    if (place - kFirst >= fields_.size()) return std::nullopt;
    if (!absl::SimpleAtod(fields_[place - kFirst], &value)) return std::nullopt;
    return value;
  }

 private:
  const std::string text_;
  std::vector<absl::string_view> fields_;
};

// When the machine was started, in seconds since 1970.
std::optional<double> BootTime() {
  for (const absl::string_view line : absl::StrSplit(Contents("/proc/stat"), '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    double seconds = 0;
    if (parts.first == "btime" && absl::SimpleAtod(parts.second, &seconds)) return seconds;
  }
  return std::nullopt;
}

std::optional<double> OpenFiles() {
  std::error_code error;
  std::filesystem::directory_iterator files("/proc/self/fd", error);
  if (error) return std::nullopt;
  double count = 0;
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) ++count;
  return count - 1;  // without the one that looks
}

std::optional<double> MostOpenFiles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

Families ProcessFamilies() {
  Families families;
  const auto add = [&](const prometheus::MetricFamily& family, std::optional<double> value) {
    if (!value.has_value()) return;
    families.push_back(family);
    AddSeries(*value, {}, &families.back());
  };
  const auto times = [](std::optional<double> value, double factor) {
    return value.has_value() ? std::optional(*value * factor) : std::nullopt;
  };
  const Stat stat;
  const double tick = 1 / static_cast<double>(sysconf(_SC_CLK_TCK));
  std::optional<double> cpu = times(stat.At(14), tick);
  if (cpu.has_value()) *cpu += times(stat.At(15), tick).value_or(0);
  add(Counter("process_cpu_seconds_total", "User and system processor time."), cpu);
  add(Gauge("process_resident_memory_bytes", "Memory that the process has in use."),
      times(stat.At(24), static_cast<double>(sysconf(_SC_PAGESIZE))));
  add(Gauge("process_virtual_memory_bytes", "Addresses that the process has taken."), stat.At(23));
  add(Gauge("process_threads", "Threads."), stat.At(20));
  add(Gauge("process_open_fds", "Open file descriptors."), OpenFiles());
  add(Gauge("process_max_fds", "Most that may be open."), MostOpenFiles());
  std::optional<double> start = BootTime();
  if (start.has_value()) *start += times(stat.At(22), tick).value_or(0);
  add(Gauge("process_start_time_seconds", "When the process was started, in seconds since 1970."),
      start);
  return families;
}

}  // namespace descent::metrics
