// What the program makes of training: models that learn, go on learning, end and diverge.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cli/command.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using descent::testing::Process;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::StartsWith;

TEST_F(CommandTest, LearnsFriedmansFirstProblem) {
  const Json result = RunJson({"train", "friedman", "--generate=friedman1", "--rows=20000",
                               "--noise=1", "--layers=64,64", "--epochs=10"});
  EXPECT_LE(result["rmse"], 1.12);
  EXPECT_EQ(result["training_rows"], 20000);
  EXPECT_EQ(result["test_rows"], 5000);
  EXPECT_EQ(result["epochs"], 10);
  EXPECT_EQ(result["step"], 3130);
}

TEST_F(CommandTest, LearnsTwoSpirals) {
  const Json result = RunJson({"train", "spirals", "--generate=two-spirals"});
  EXPECT_GE(result["accuracy"], 0.98);
}

TEST_F(CommandTest, GivesTheSameNumbersAgain) {
  const std::vector<std::string> options = {"--generate=friedman1", "--rows=500", "--epochs=2"};
  const auto train = [&options](const std::string& name) {
    std::vector<std::string> arguments = {"train", name};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return RunJson(arguments)["rmse"];
  };
  EXPECT_EQ(train("again.1"), train("again.2"));
  EXPECT_EQ(RunJson({"get", "again.1"})["state_hash"], RunJson({"get", "again.2"})["state_hash"]);
}

TEST_F(CommandTest, AnswersInTheTargetsUnit) {
  for (const bool header : {true, false}) {
    const TemporaryFile file(Rows(2000, header));
    const std::string name = header ? "unit.header" : "unit.bare";
    const std::string format = header ? "--header" : "--no-header";
    const Json trained = RunJson({"train", name, "--csv", file.path(), format, "--epochs=20"});
    EXPECT_LE(trained["rmse"], 300);
    EXPECT_GE(trained["r2"], 0.99);

    const Json prediction = RunJson({"predict", name, "--row=50, cold"});
    EXPECT_THAT(prediction["prediction"], AllOf(Ge(4700), Le(5300)));
    const Json evaluated = RunJson({"evaluate", name, "--csv", file.path()});
    EXPECT_LE(evaluated["rmse"], 300);
    EXPECT_EQ(evaluated["rows"], 2000);
  }
}

TEST_F(CommandTest, GoesOnWithAModelThatIsThere) {
  const TemporaryFile file(Rows(640, true));
  const Json first = RunJson({"train", "go.on", "--csv", file.path(), "--epochs=2", "--seed=5"});
  EXPECT_EQ(first["step"], 16);
  const Json second = RunJson({"train", "go.on", "--csv", file.path(), "--epochs=3"});
  EXPECT_EQ(second["step"], 40);
  EXPECT_LT(second["rmse"], first["rmse"]);
  EXPECT_EQ(second["test_rows"], 128);

  const Result other = Run({"train", "go.on", "--csv", file.path(), "--layers=8"});
  EXPECT_EQ(other.code, 64);
  EXPECT_THAT(other.err, HasSubstr("--layers: the model go.on is there already"));
}

TEST_F(CommandTest, DescribesAModelMadeEmpty) {
  ASSERT_EQ(Run({"create", "empty", "--inputs=3", "--layers=8"}).code, 0);
  const TemporaryFile file(Rows(300, true));  // a and two categories
  EXPECT_EQ(RunJson({"train", "empty", "--csv", file.path(), "--epochs=1"})["step"], 4);
  EXPECT_EQ(Run({"predict", "empty", "--row=1,hot"}).code, 0);

  ASSERT_EQ(Run({"create", "narrow", "--inputs=2"}).code, 0);
  const Result narrow = Run({"train", "narrow", "--csv", file.path()});
  EXPECT_EQ(narrow.code, 65);
  EXPECT_THAT(narrow.err, HasSubstr("3 inputs and 1 outputs, the model's shape is 2-64-64-1"));
}

TEST_F(CommandTest, DrawsTheLoss) {
  const std::string path = ::testing::TempDir() + "command_test_loss.svg";
  RunJson({"train", "plot", "--generate=friedman1", "--rows=500", "--epochs=3", "--plot", path});
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  EXPECT_THAT(content.str(), AllOf(StartsWith("<svg"), HasSubstr("plot: 10-64-64-1"),
                                   HasSubstr("test rmse"), EndsWith("</svg>\n")));
  std::filesystem::remove(path);
  EXPECT_EQ(Run({"train", "plot", "--generate=friedman1", "--plot=/nonexistent/x.svg"}).code, 64);
}

TEST_F(CommandTest, EndsInOrderOnCtrlC) {
  const std::unique_ptr<Process> process = Start({"train", "interrupted", "--generate=friedman1",
                                                  "--rows=2000", "--epochs=1000000", "--json"});
  EXPECT_THAT(process->AwaitLine("{\"epoch\":3,"), Not(IsEmpty()));
  process->Signal(SIGINT);
  EXPECT_EQ(process->Wait(), 130);
  const Json last = Result{130, process->Output(), ""}.LastJson();
  EXPECT_EQ(last["interrupted"], true);
  EXPECT_GE(last["epochs"], 3);
  EXPECT_TRUE(last.contains("rmse"));
  // Everything that was sent is there.
  const Json model = RunJson({"get", "interrupted"});
  EXPECT_EQ(model["step"], absl::StrCat(last["step"].get<int64_t>()));
}

TEST_F(CommandTest, SaysWhenTrainingDiverges) {
  const Result result =
      Run({"train", "diverges", "--generate=friedman1", "--learning-rate=1e30", "--rows=200"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("the update was refused and nothing changed"));
}

TEST_F(CommandTest, SaysHowToBeginAnewWhenAModelHasDiverged) {
  const TemporaryFile file(Rows(500, true));
  const std::vector<std::string> train = {"train", "gone", "--csv", file.path()};
  std::vector<std::string> diverging = train;
  diverging.insert(diverging.end(), {"--optimizer=sgd", "--learning-rate=1000"});
  const Result result = Run(diverging);
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("`descent delete gone` and train it anew"));
  EXPECT_THAT(result.err + result.out, Not(HasSubstr("nan")));
  // What it says works.
  EXPECT_EQ(Run({"delete", "gone"}).code, 0);
  EXPECT_GE(RunJson({"train", "gone", "--csv", file.path(), "--epochs=20"})["r2"], 0.9);
}

TEST_F(CommandTest, LearnsFromThousandsOfColumns) {
  constexpr int kColumns = 3000;
  std::string text;
  for (int c = 0; c < kColumns; ++c) absl::StrAppend(&text, "column_", c, ",");
  text += "y\n";
  unsigned state = 1;
  for (int row = 0; row < 50; ++row) {
    for (int c = 0; c < kColumns; ++c) {
      state = state * 1664525 + 1013904223;
      absl::StrAppend(&text, state / 4294967296.0, ",");
    }
    absl::StrAppend(&text, row, "\n");
  }
  const TemporaryFile file(text);
  RunJson({"train", "wide", "--csv", file.path(), "--epochs=1"});
  EXPECT_EQ(RunJson({"evaluate", "wide", "--csv", file.path()})["rows"], 50);
}

TEST_F(CommandTest, LearnsBesideAColumnOfLargeWholeNumbers) {
  std::string text = "id,batch,a,y\n";
  for (int i = 0; i < 2000; ++i) {
    const int a = i * 7 % 101;
    absl::StrAppend(&text, int64_t{1'000'000'000'000'000} + i, ",1000000000000001,", a, ",",
                    3 * a + i / 1000, "\n");
  }
  const TemporaryFile file(text);
  EXPECT_GE(RunJson({"train", "large", "--csv", file.path()})["r2"], 0.99);
}

TEST_F(CommandTest, TellsThePrecisionOfTheClassThatIsAskedFor) {
  const TemporaryFile file(Frauds(1000));
  const std::vector<std::string> train = {
      "train", "frauds", "--csv", file.path(), "--ignore=id", "--positive=fraud", "--epochs=3"};
  const Result trained = Run(train);
  EXPECT_EQ(trained.code, 0) << trained.err;
  EXPECT_THAT(trained.err, HasSubstr("one of ok, fraud (positive: fraud)"));
  EXPECT_THAT(trained.out, HasSubstr("of fraud:"));
  const Json evaluated = RunJson({"evaluate", "frauds", "--csv", file.path()});
  EXPECT_EQ(evaluated["positive"], "fraud");
  const Result again = Run({"train", "frauds", "--csv", file.path(), "--positive=ok"});
  EXPECT_EQ(again.code, 64);
  EXPECT_THAT(again.err, HasSubstr("its positive class is fraud"));
}

}  // namespace
}  // namespace descent::cli
