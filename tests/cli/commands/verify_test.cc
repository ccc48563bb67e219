// `descent verify` finds descentd and lets it answer. A script stands in for descentd: it says what
// it was asked, and ends as it was told to.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace descent::cli {
namespace {

using descent::testing::BinaryDir;
using descent::testing::Process;
using ::testing::HasSubstr;

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() {
    std::string directory = ::testing::TempDir() + "verify_XXXXXX";
    directory_ = mkdtemp(directory.data());
    std::filesystem::create_directory(directory_ / "bin");
    std::filesystem::create_directory(directory_ / "path");
    std::filesystem::copy_file(BinaryDir() + "/bin/descent", directory_ / "bin/descent");
  }
  ~VerifyTest() override { std::filesystem::remove_all(directory_); }

  void PutServer(const std::string& directory, int exit_code) {
    const std::filesystem::path path = directory_ / directory / "descentd";
    std::ofstream(path) << "#!/bin/sh\necho " << directory << " \"$@\"\nexit " << exit_code << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  // Standard output and the exit code.
  std::string Run(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {
        "env", absl::StrCat("PATH=", (directory_ / "path").string()), directory_ / "bin/descent"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    Process process(command);
    const int code = process.Wait();
    error_ = process.ErrorOutput();
    return absl::StrCat(process.Output(), code);
  }

  std::filesystem::path directory_;
  std::string error_;
};

TEST_F(VerifyTest, AsksTheServersProgramBesideIt) {
  PutServer("bin", 0);
  PutServer("path", 1);
  EXPECT_EQ(Run({"verify", "data"}), "bin verify data\n0");
  EXPECT_EQ(Run({"verify", "data", "--json"}), "bin verify data --json\n0");
  EXPECT_EQ(Run({"--json", "verify", "/a b"}), "bin verify /a b --json\n0");
  EXPECT_EQ(Run({"verify", "--", "-data"}), "bin verify ./-data\n0");
}

TEST_F(VerifyTest, KeepsItsExitCode) {
  for (const int code : {64, 65, 74}) {
    PutServer("bin", code);
    EXPECT_EQ(Run({"verify", "data"}), absl::StrCat("bin verify data\n", code));
  }
}

TEST_F(VerifyTest, LooksOnThePathAsWell) {
  PutServer("path", 65);
  EXPECT_EQ(Run({"verify", "data"}), "path verify data\n65");
}

TEST_F(VerifyTest, SaysWhenThereIsNone) {
  EXPECT_EQ(Run({"verify", "data"}), "69");
  EXPECT_THAT(error_, HasSubstr("descentd"));
  EXPECT_THAT(Run({"verify"}), HasSubstr("64"));
}

}  // namespace
}  // namespace descent::cli
