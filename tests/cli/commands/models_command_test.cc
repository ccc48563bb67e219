// The life of models on the command line: parameters, checkpoints, backups, lists.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/cli/command.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST_F(CommandTest, ReadsAndReplacesParameters) {
  ASSERT_EQ(Run({"create", "params", "--inputs=2", "--layers=3"}).code, 0);
  const Result before = Run({"params", "get", "params", "--json"});
  ASSERT_EQ(before.code, 0) << before.err;
  const TemporaryFile file(before.out);
  RunJson({"params", "set", "params", file.path()});
  const Result after = Run({"params", "get", "params", "--json"});
  EXPECT_EQ(after.LastJson()["parameters"], before.LastJson()["parameters"]);
  EXPECT_EQ(after.LastJson()["step"], 1);
  EXPECT_EQ(Run({"params", "set", "params", file.path(), "--expected-step=7"}).code, 1);
  EXPECT_THAT(Run({"params", "get", "params", "--parameter=layers.1.bias", "--values"}).out,
              HasSubstr("layers.1.bias"));
}

TEST_F(CommandTest, SavesAModelAndGoesBackToIt) {
  const std::vector<std::string> more = {"train",      "saved",      "--generate=friedman1",
                                         "--rows=640", "--epochs=1", "--layers=4"};
  ASSERT_EQ(Run(more).code, 0);
  const Json before = RunJson({"get", "saved"});
  const Json created = RunJson({"checkpoint", "create", "saved"});
  EXPECT_EQ(created["step"], "10");
  EXPECT_EQ(created["state_hash"], before["state_hash"]);
  ASSERT_EQ(Run(more).code, 0);
  EXPECT_THAT(Run({"checkpoint", "create", "saved"}).out, StartsWith("saved saved at step 20: "));

  const Result list = Run({"checkpoint", "list", "saved"});
  ASSERT_EQ(list.Lines().size(), 3U) << list.err;
  EXPECT_THAT(list.Lines()[0], AllOf(HasSubstr("STEP"), HasSubstr("STATE HASH")));
  EXPECT_THAT(list.Lines()[1], StartsWith("  20  "));
  EXPECT_THAT(list.Lines()[2], StartsWith("  10  "));
  EXPECT_EQ(Run({"checkpoint", "list", "saved", "--json"}).Lines().size(), 2U);

  EXPECT_EQ(Run({"checkpoint", "restore", "saved", "10", "--expected-step=7"}).code, 1);
  EXPECT_EQ(RunJson({"checkpoint", "restore", "saved", "10"})["step"], "10");
  EXPECT_EQ(RunJson({"get", "saved"})["state_hash"], before["state_hash"]);
  EXPECT_THAT(Run({"checkpoint", "restore", "saved", "20"}).out,
              StartsWith("saved is back at step 20"));

  EXPECT_EQ(RunJson({"checkpoint", "delete", "saved", "10"})["deleted"], 10);
  const Result gone = Run({"checkpoint", "restore", "saved", "10"});
  EXPECT_EQ(gone.code, 1);
  EXPECT_THAT(gone.err, HasSubstr("(NOT_FOUND)"));
}

TEST_F(CommandTest, ShowsHowTrainingWent) {
  ASSERT_EQ(Run({"train", "told", "--generate=friedman1", "--rows=640", "--epochs=2", "--layers=4",
                 "--batch=64"})
                .code,
            0);
  const Result table = Run({"history", "told"});
  ASSERT_EQ(table.Lines().size(), 21U) << table.err;
  EXPECT_THAT(table.Lines()[0], AllOf(HasSubstr("STEP"), HasSubstr("LOSS"), HasSubstr("  RMSE")));
  EXPECT_THAT(table.Lines()[20], AllOf(StartsWith("  20  "), HasSubstr("  0.001")));
  const Json last = RunJson({"history", "told"});
  EXPECT_EQ(last["step"], "20");
  // The loss is the mean squared error.
  EXPECT_NEAR(std::pow(last["metrics"]["rmse"].get<double>(), 2), last["loss"].get<double>(), 1e-6);
  EXPECT_EQ(Run({"history", "told", "--after=16", "--json"}).Lines().size(), 4U);

  const TemporaryFile plot("");
  EXPECT_THAT(Run({"history", "told", "--plot", plot.path()}).out,
              StartsWith("loss curve in " + plot.path()));
  std::ifstream file(plot.path());
  const std::string svg(std::istreambuf_iterator<char>(file), {});
  EXPECT_THAT(svg, AllOf(HasSubstr("told: 10-4-1"), HasSubstr(">step<")));
}

TEST_F(CommandTest, OfAModelThatWasNotTrainedThereIsNothingToDraw) {
  ASSERT_EQ(Run({"create", "untrained", "--inputs=2"}).code, 0);
  EXPECT_EQ(Run({"history", "untrained"}).Lines().size(), 1U);
  const Result result = Run({"history", "untrained", "--plot", "/nonexistent/loss.svg"});
  EXPECT_EQ(result.code, 64);
  EXPECT_THAT(result.err, HasSubstr("untrained was not trained yet"));
  EXPECT_EQ(Run({"history", "untrained", "--after=-1"}).code, 64);
  EXPECT_EQ(Run({"history", "nobody"}).code, 1);
}

TEST_F(CommandTest, KeepsNoPartOfABackupThatFails) {
  const std::string path = ::testing::TempDir() + "command_test_backup.db";
  const Result result = Run({"backup", path, "--json"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.LastJson()["error"]["reason"], "NO_STORAGE");
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
  const TemporaryFile there("precious");
  EXPECT_EQ(Run({"backup", there.path()}).code, 64);
  EXPECT_EQ(Run({"backup", "/nonexistent/directory/backup"}).code, 74);
}

TEST_F(CommandTest, ListsAndDeletes) {
  ASSERT_EQ(Run({"create", "doomed", "--inputs=2", "--label=owner=me"}).code, 0);
  EXPECT_THAT(Run({"list"}).out, AllOf(StartsWith("NAME"), HasSubstr("doomed")));
  EXPECT_EQ(RunJson({"get", "doomed"})["labels"]["owner"], "me");
  EXPECT_THAT(Run({"get", "doomed"}).out, HasSubstr("2-64-64-1, relu, mean_squared_error"));
  EXPECT_EQ(RunJson({"delete", "doomed"})["deleted"], "doomed");
  EXPECT_THAT(Run({"list", "--json"}).out, Not(HasSubstr("doomed")));
}

TEST_F(CommandTest, SaysWhenTheServerSaysNo) {
  const Result text = Run({"get", "nobody"});
  EXPECT_EQ(text.code, 1);
  EXPECT_THAT(text.out, IsEmpty());
  EXPECT_THAT(text.err, HasSubstr("(NOT_FOUND)"));
  const Result json = Run({"get", "nobody", "--json"});
  EXPECT_EQ(json.code, 1);
  EXPECT_EQ(json.LastJson()["error"]["code"], "NOT_FOUND");
  EXPECT_EQ(json.LastJson()["error"]["reason"], "MODEL_NOT_FOUND");
  EXPECT_EQ(Run({"train", "Bad Name", "--generate=friedman1"}).code, 1);
}

TEST_F(CommandTest, SaysWhenTheServerCannotBeReached) {
  const Result result = Run({"list", "--server=127.0.0.1:1", "--connect-timeout=0.2"});
  EXPECT_EQ(result.code, 69);
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace descent::cli
