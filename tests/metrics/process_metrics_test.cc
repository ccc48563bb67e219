#include "server/metrics/process_metrics.h"

#include <map>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/metrics/series.h"

namespace descent::metrics {
namespace {

TEST(ProcessMetricsTest, TellsWhatTheProcessTakes) {
  const std::map<std::string, double> before = testing::SeriesOf(ProcessFamilies());
  EXPECT_GT(before.at("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(before.at("process_virtual_memory_bytes"), before.at("process_resident_memory_bytes"));
  EXPECT_GE(before.at("process_threads"), 1);
  EXPECT_GT(before.at("process_max_fds"), before.at("process_open_fds"));
  EXPECT_GE(before.at("process_open_fds"), 3);
  const double now = static_cast<double>(absl::ToUnixSeconds(absl::Now()));
  EXPECT_LE(before.at("process_start_time_seconds"), now + 2);
  EXPECT_GT(before.at("process_start_time_seconds"), now - 3600);

  // A file more, memory, and some processor time.
  std::FILE* const file = std::tmpfile();
  std::vector<char> memory(64 << 20, 'x');
  volatile double sum = 0;
  double cpu = before.at("process_cpu_seconds_total");
  for (int i = 0; i < 1000 && cpu <= before.at("process_cpu_seconds_total"); ++i) {
    for (int j = 0; j < 1000000; ++j) sum = sum + memory[static_cast<std::size_t>(j)];
    cpu = testing::SeriesOf(ProcessFamilies()).at("process_cpu_seconds_total");
  }
  const std::map<std::string, double> after = testing::SeriesOf(ProcessFamilies());
  EXPECT_EQ(after.at("process_open_fds"), before.at("process_open_fds") + 1);
  EXPECT_GT(after.at("process_resident_memory_bytes"),
            before.at("process_resident_memory_bytes") + (32 << 20));
  EXPECT_GT(cpu, before.at("process_cpu_seconds_total"));
  EXPECT_EQ(after.at("process_start_time_seconds"), before.at("process_start_time_seconds"));
  std::fclose(file);
}

}  // namespace
}  // namespace descent::metrics
