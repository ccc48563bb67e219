#include "server/machine_cores.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace descent {
namespace {

class MachineCoresTest : public ::testing::Test {
 protected:
  MachineCoresTest() { std::filesystem::remove_all(root_); }
  ~MachineCoresTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }
  void HaveSiblings(int processor, const std::string& siblings) const {
    Write("/sys/devices/system/cpu/cpu" + std::to_string(processor) +
              "/topology/thread_siblings_list",
          siblings);
  }

  const std::string root_ = ::testing::TempDir() + "machine_cores_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(MachineCoresTest, ProcessorsWithoutATopologyAreCores) {
  EXPECT_EQ(MachineCores({0, 1, 5}, root_), 3);
}

TEST_F(MachineCoresTest, HardwareThreadsOfACoreCountOnce) {
  HaveSiblings(0, "0-1");
  HaveSiblings(1, "0-1");
  EXPECT_EQ(MachineCores({0, 1}, root_), 1);
  HaveSiblings(2, "2,66");
  HaveSiblings(66, "2,66");
  HaveSiblings(3, "3,67");
  EXPECT_EQ(MachineCores({0, 1, 2, 3, 66}, root_), 3);
}

TEST_F(MachineCoresTest, AProcessKeptToOneProcessorHasOneCore) {
  HaveSiblings(0, "0");
  HaveSiblings(1, "1");
  EXPECT_EQ(MachineCores({1}, root_), 1);
}

TEST_F(MachineCoresTest, AContainersQuotaBounds) {
  Write("/proc/self/cgroup", "0::/docker/12");
  Write("/sys/fs/cgroup/cpu.max", "max 100000");
  EXPECT_EQ(MachineCores({0, 1, 2, 3}, root_), 4);
  Write("/sys/fs/cgroup/cpu.max", "250000 100000");
  EXPECT_EQ(MachineCores({0, 1, 2, 3}, root_), 2);
  Write("/sys/fs/cgroup/docker/12/cpu.max", "50000 100000");
  EXPECT_EQ(MachineCores({0, 1, 2, 3}, root_), 1) << "half a core is one thread";
}

TEST_F(MachineCoresTest, ReadsTheFirstVersionOfControlGroups) {
  Write("/proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/docker/12");
  Write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
  Write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(MachineCores({0, 1, 2, 3}, root_), 4);
  Write("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "300000");
  Write("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000");
  EXPECT_EQ(MachineCores({0, 1, 2, 3}, root_), 3);
}

TEST_F(MachineCoresTest, IsAtLeastOne) { EXPECT_EQ(MachineCores({}, root_), 1); }

TEST_F(MachineCoresTest, KnowsThisMachine) {
  EXPECT_FALSE(AllowedProcessors().empty());
  EXPECT_GE(MachineCores(), 1);
  EXPECT_LE(MachineCores(), static_cast<int>(AllowedProcessors().size()));
}

}  // namespace
}  // namespace descent
