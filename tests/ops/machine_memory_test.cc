#include "server/machine_memory.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace descent {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

class MachineMemoryTest : public ::testing::Test {
 protected:
  MachineMemoryTest() { std::filesystem::remove_all(root_); }
  ~MachineMemoryTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void HaveMachine(std::size_t mib) const {
    Write("/proc/meminfo", "MemFree: 1 kB\nMemTotal:       " + std::to_string(mib << 10) + " kB\n");
  }

  const std::string root_ = ::testing::TempDir() + "machine_memory_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(MachineMemoryTest, IsTheMachinesWithoutControlGroups) {
  HaveMachine(1000);
  EXPECT_EQ(MachineMemory(root_), 1000 * kMiB);
}

TEST_F(MachineMemoryTest, IsTheLeastOfAllGroupsAbove) {
  HaveMachine(1000);
  Write("/proc/self/cgroup", "0::/system.slice/descentd.service\n");
  Write("/sys/fs/cgroup/system.slice/descentd.service/memory.max", "max\n");
  EXPECT_EQ(MachineMemory(root_), 1000 * kMiB);
  Write("/sys/fs/cgroup/system.slice/memory.max", std::to_string(300 * kMiB) + "\n");
  EXPECT_EQ(MachineMemory(root_), 300 * kMiB);
  Write("/sys/fs/cgroup/system.slice/descentd.service/memory.high", std::to_string(200 * kMiB));
  EXPECT_EQ(MachineMemory(root_), 200 * kMiB);
}

TEST_F(MachineMemoryTest, ReadsTheFirstVersionOfControlGroups) {
  HaveMachine(1000);
  Write("/proc/self/cgroup", "9:name=systemd:/\n5:cpu,cpuacct:/a\n4:memory:/docker/12\n0::/\n");
  const std::string mount = "/sys/fs/cgroup/memory";
  // "No limit" is a number too.
  Write(mount + "/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(MachineMemory(root_), 1000 * kMiB);
  Write(mount + "/docker/12/memory.limit_in_bytes", std::to_string(64 * kMiB));
  EXPECT_EQ(MachineMemory(root_), 64 * kMiB);
}

TEST_F(MachineMemoryTest, FindsTheGroupOfAContainerThatSeesItAsTheRoot) {
  HaveMachine(1000);
  Write("/proc/self/cgroup", "0::/docker/12\n");
  Write("/sys/fs/cgroup/memory.max", std::to_string(512 * kMiB));
  EXPECT_EQ(MachineMemory(root_), 512 * kMiB);
}

TEST_F(MachineMemoryTest, IsZeroWhereNothingCanBeRead) { EXPECT_EQ(MachineMemory(root_), 0); }

TEST_F(MachineMemoryTest, KnowsThisMachine) { EXPECT_GT(MachineMemory(), 64 * kMiB); }

}  // namespace
}  // namespace descent
