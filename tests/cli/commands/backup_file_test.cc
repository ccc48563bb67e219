#include "client/cli/commands/backup_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "client/cli/failure.h"

namespace descent::cli {
namespace {

using ::testing::HasSubstr;

class BackupFileTest : public ::testing::Test {
 protected:
  BackupFileTest() {
    std::string directory = ::testing::TempDir() + "backup_file_XXXXXX";
    directory_ = mkdtemp(directory.data());
  }
  ~BackupFileTest() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ / name; }

  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(Path(name)) << content;
  }

  // "" if there is no such file.
  std::string Read(const std::string& name) const {
    std::ostringstream content;
    content << std::ifstream(Path(name)).rdbuf();
    return content.str();
  }

  bool Exists(const std::string& name) const { return std::filesystem::exists(Path(name)); }

  std::filesystem::path directory_;
};

TEST_F(BackupFileTest, HasItsNameOnceItIsWhole) {
  auto file = BackupFile::Create(Path("b"), /*replace=*/false);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Append("one ").ok());
  EXPECT_TRUE((*file)->Append("two").ok());
  EXPECT_FALSE(Exists("b"));
  EXPECT_EQ(Read("b.partial"), "one two");
  EXPECT_TRUE((*file)->Commit().ok());
  file->reset();
  EXPECT_EQ(Read("b"), "one two");
  EXPECT_FALSE(Exists("b.partial"));
  struct stat status {};
  ASSERT_EQ(stat(Path("b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(BackupFileTest, LeavesNothingWhenItIsGivenUp) {
  auto file = BackupFile::Create(Path("b"), /*replace=*/false);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Append("one").ok());
  file->reset();
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(BackupFileTest, ReplacesNothingUnasked) {
  Write("b", "old");
  const auto refused = BackupFile::Create(Path("b"), /*replace=*/false);
  EXPECT_EQ(ExitCodeOf(refused.status()), ExitCode::kUsage);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("--force"));

  auto file = BackupFile::Create(Path("b"), /*replace=*/true);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Append("new").ok());
  EXPECT_EQ(Read("b"), "old");
  EXPECT_TRUE((*file)->Commit().ok());
  EXPECT_EQ(Read("b"), "new");
}

TEST_F(BackupFileTest, ReplacesNothingThatCameMeanwhile) {
  auto file = BackupFile::Create(Path("b"), /*replace=*/false);
  ASSERT_TRUE(file.ok()) << file.status();
  Write("b", "somebody else's");
  EXPECT_EQ(ExitCodeOf((*file)->Commit()), ExitCode::kUsage);
  file->reset();
  EXPECT_EQ(Read("b"), "somebody else's");
  EXPECT_FALSE(Exists("b.partial"));
}

TEST_F(BackupFileTest, OverwritesWhatAnEarlierOneLeft) {
  Write("b.partial", "a long rest of a backup that was killed");
  const auto file = BackupFile::Create(Path("b"), /*replace=*/false);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Append("new").ok());
  EXPECT_TRUE((*file)->Commit().ok());
  EXPECT_EQ(Read("b"), "new");
}

TEST_F(BackupFileTest, TwoDoNotWriteOneFile) {
  const auto first = BackupFile::Create(Path("b"), /*replace=*/false);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE((*first)->Append("first").ok());
  const auto second = BackupFile::Create(Path("b"), /*replace=*/false);
  EXPECT_EQ(ExitCodeOf(second.status()), ExitCode::kCannotWrite);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another process"));
  EXPECT_TRUE((*first)->Commit().ok());
  EXPECT_EQ(Read("b"), "first");
}

TEST_F(BackupFileTest, SaysWhatCannotBeWritten) {
  const auto nowhere = BackupFile::Create(Path("no/such/b"), /*replace=*/false);
  EXPECT_EQ(ExitCodeOf(nowhere.status()), ExitCode::kCannotWrite);
  EXPECT_THAT(std::string(nowhere.status().message()),
              HasSubstr("no/such/b.partial: No such file or directory"));
  const auto directory = BackupFile::Create(directory_, /*replace=*/true);
  EXPECT_EQ(ExitCodeOf(directory.status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace descent::cli
