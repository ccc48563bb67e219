// Files for TensorBoard, through the program. What TensorBoard makes of them is in tests/interop.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/cli/command.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TensorboardCommandTest : public CommandTest {
 protected:
  ~TensorboardCommandTest() override { fs::remove_all(directory_); }

  // What the files of a directory say, in the order of their names.
  static std::vector<std::string> FilesIn(const std::string& directory) {
    std::set<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(directory)) paths.insert(entry.path());
    std::vector<std::string> files;
    for (const fs::path& path : paths) {
      std::ifstream in(path, std::ios::binary);
      files.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return files;
  }

  const TemporaryFile rows_{Rows(300, true)};
  const std::string directory_ = rows_.path() + ".events";
};

TEST_F(TensorboardCommandTest, TrainWritesANewFileEachTime) {
  const std::string train = absl::StrCat("descent train tb --csv ", rows_.path(),
                                         " --target y --epochs 3 --tensorboard ", directory_);
  ASSERT_EQ(Shell(train).code, 0);
  ASSERT_EQ(Shell(train + " --json").code, 0);
  const std::vector<std::string> files = FilesIn(directory_);
  ASSERT_EQ(files.size(), 2U);
  for (const std::string& file : files) {
    EXPECT_THAT(file, AllOf(HasSubstr("brain.Event:2"), HasSubstr("train/loss"),
                            HasSubstr("train/gradient_norm"), HasSubstr("train/learning_rate"),
                            HasSubstr("train/rows_per_second"), HasSubstr("test/loss"),
                            HasSubstr("test/rmse"), HasSubstr("test/r2")));
  }
}

TEST_F(TensorboardCommandTest, HistoryWritesWhatTheServerKept) {
  ASSERT_EQ(Run({"train", "kept", "--csv", rows_.path(), "--target", "y", "--epochs", "2"}).code,
            0);
  const Result result = Run({"history", "kept", "--tensorboard", directory_});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(" points in " + directory_));
  const std::vector<std::string> files = FilesIn(directory_);
  ASSERT_EQ(files.size(), 1U);
  EXPECT_THAT(files.front(),
              AllOf(HasSubstr("brain.Event:2"), HasSubstr("train/loss"),
                    HasSubstr("train/gradient_norm"), HasSubstr("train/learning_rate"),
                    HasSubstr("train/rmse"), HasSubstr("train/mae"), Not(HasSubstr("test/"))));
  const Result none = Run({"history", "kept", "--after", "100000", "--tensorboard", directory_});
  EXPECT_EQ(none.code, 64);
  EXPECT_THAT(none.err, HasSubstr("--tensorboard: kept was not trained after that step"));
}

// Of a file that can't grow, as on a full disk.
TEST_F(TensorboardCommandTest, WhatCantBeWrittenEndsNoTrainingAndIsSaidAfterwards) {
  const Result result =
      Shell(absl::StrCat("trap '' 25; ulimit -f 1; descent train full --csv ", rows_.path(),
                         " --target y --epochs 5 --tensorboard ", directory_));
  EXPECT_EQ(result.code, 74) << result.err;
  EXPECT_THAT(result.err, HasSubstr("File too large"));
  EXPECT_THAT(result.out, HasSubstr("full is at step 20"));
  EXPECT_EQ(RunJson({"get", "full"})["step"], "20");
}

TEST_F(TensorboardCommandTest, ADirectoryThatCantBeMadeIsSaidBeforeTraining) {
  const Result result = Run({"train", "nowhere", "--csv", rows_.path(), "--target", "y",
                             "--tensorboard", "/dev/null/events"});
  EXPECT_EQ(result.code, 74);
  EXPECT_THAT(result.err, HasSubstr("/dev/null/events: "));
  EXPECT_NE(Run({"get", "nowhere"}).code, 0);
}

}  // namespace
}  // namespace descent::cli
