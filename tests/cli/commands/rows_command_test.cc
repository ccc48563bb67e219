// What the program makes of rows with a model that is there: predict, evaluate, gradient.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cli/command.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(CommandTest, PredictsAFileWithoutItsTarget) {
  const TemporaryFile file(Rows(300, true));
  RunJson({"train", "columns", "--csv", file.path(), "--epochs=1"});
  const TemporaryFile reordered("c,id,a\nhot,1,3\ncold,2,\n?,3,4\n");
  const Result result = Run({"predict", "columns", "--csv", reordered.path()});
  EXPECT_EQ(result.code, 0) << result.err;
  ASSERT_EQ(result.Lines().size(), 4U);
  EXPECT_EQ(result.Lines()[0], "y");
  EXPECT_THAT(result.err, HasSubstr("1 cell holds a category that training never saw"));
}

TEST_F(CommandTest, NamesClassesByTheirLabels) {
  std::string text = "x,label\n";
  for (int i = 0; i < 900; ++i) {
    absl::StrAppend(&text, i % 90, ",", i % 90 < 30 ? "low" : (i % 90 < 60 ? "mid" : "high"), "\n");
  }
  const TemporaryFile file(text);
  const Json trained = RunJson({"train", "labels", "--csv", file.path(), "--learning-rate=0.01"});
  EXPECT_GE(trained["accuracy"], 0.95);
  const Result result = Run({"predict", "labels", "--row=5", "--row=45", "--row=85"});
  ASSERT_EQ(result.Lines().size(), 4U);
  EXPECT_EQ(result.Lines()[0], "label,probability of high,probability of low,probability of mid");
  EXPECT_THAT(result.Lines()[1], StartsWith("low,"));
  EXPECT_THAT(result.Lines()[2], StartsWith("mid,"));
  EXPECT_THAT(result.Lines()[3], StartsWith("high,"));
}

TEST_F(CommandTest, TakesNumbersAsTheyAreForAModelOfOthers) {
  ASSERT_EQ(Run({"create", "others", "--inputs=2", "--outputs=2", "--layers=none"}).code, 0);
  const Result result = Run({"predict", "others", "--row=1,2"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.Lines()[0], "output 1,output 2");
}

TEST_F(CommandTest, TellsTheGradient) {
  const TemporaryFile file(Rows(300, true));
  RunJson({"train", "gradient", "--csv", file.path(), "--epochs=1"});
  const Json all = RunJson({"gradient", "gradient", "--csv", file.path()});
  EXPECT_GT(all["gradient_norm"], 0);
  EXPECT_EQ(all["rows"], 300);
  EXPECT_EQ(all["gradients"].size(), 6U);
  const Json one =
      RunJson({"gradient", "gradient", "--row=1,hot,5", "--values", "--parameter=layers.2.bias"});
  EXPECT_EQ(one["gradients"][0]["values"].size(), 1U);
  EXPECT_EQ(RunJson({"get", "gradient"})["step"], "4");
}

TEST_F(CommandTest, CarriesColumnsThroughAPrediction) {
  const TemporaryFile file(Frauds(300));
  RunJson({"train", "kept", "--csv", file.path(), "--ignore=id", "--epochs=1"});
  const Result result = Run({"predict", "kept", "--csv", file.path(), "--keep=id", "--keep=x"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.Lines()[0], "id,x,label,probability of fraud,probability of ok (positive)");
  EXPECT_THAT(result.Lines()[8], StartsWith("t7,7,"));
  const Json last = RunJson({"predict", "kept", "--csv", file.path(), "--keep=id"});
  EXPECT_EQ(last["kept"]["id"], "t299");
}

TEST_F(CommandTest, SaysThatRowsAreThoseItWasTrainedOn) {
  const TemporaryFile file(Rows(300, true));
  RunJson({"train", "own", "--csv", file.path(), "--epochs=1"});
  EXPECT_THAT(Run({"evaluate", "own", "--csv", file.path()}).err,
              HasSubstr("these are the rows that own was trained with"));
  const TemporaryFile other(Rows(299, true));
  EXPECT_THAT(Run({"evaluate", "own", "--csv", other.path()}).err,
              Not(HasSubstr("was trained with")));
  // What it learns from later counts as well, and what it learnt from first still does.
  RunJson({"train", "own", "--csv", other.path(), "--epochs=1"});
  RunJson({"train", "own", "--csv", other.path(), "--epochs=1"});
  for (const std::string& path : {other.path(), file.path()}) {
    EXPECT_THAT(Run({"evaluate", "own", "--csv", path}).err,
                HasSubstr("these are the rows that own was trained with"));
  }
}

TEST_F(CommandTest, PredictsTheRowsBeforeOneThatCanNotBeReadAndNamesItsLine) {
  const TemporaryFile file(Rows(300, true));
  RunJson({"train", "slips", "--csv", file.path(), "--epochs=1"});
  for (const auto& [last, place] : std::vector<std::pair<std::string, std::string>>{
           {"1O,hot,3", ":5:1: a holds numbers, and \"1O\""},
           {"1,hot", ":5:3: expected 3 fields, got 2"},
           {"1e300,hot,3", ":5:1: a is 1e+300, too far from the others"},
       }) {
    const TemporaryFile slip(absl::StrCat("a,c,y\n1,hot,2\n\n2,cold,3\n", last, "\n5,hot,4\n"));
    const Result text = Run({"predict", "slips", "--csv", slip.path()});
    EXPECT_EQ(text.code, 65);
    EXPECT_EQ(text.Lines().size(), 3U) << text.out;  // a header and two rows
    EXPECT_THAT(text.err, HasSubstr(absl::StrCat(slip.path(), place)));
    const Result json = Run({"predict", "slips", "--csv", slip.path(), "--json"});
    EXPECT_EQ(json.code, 65);
    ASSERT_EQ(json.Lines().size(), 3U) << json.out;  // two rows and the error
    EXPECT_EQ(Json::parse(json.Lines()[1])["row"], 2);
    EXPECT_TRUE(json.LastJson().contains("error"));
    // There is no loss of half a file, nor a gradient.
    for (const char* command : {"evaluate", "gradient"}) {
      const Result none = Run({command, "slips", "--csv", slip.path()});
      EXPECT_EQ(none.code, 65) << command;
      EXPECT_EQ(none.out, "") << command;
      EXPECT_THAT(none.err, HasSubstr(absl::StrCat(slip.path(), place))) << command;
    }
  }
}

TEST_F(CommandTest, SaysWhichClassIsPositive) {
  const TemporaryFile file(Frauds(300));
  RunJson(
      {"train", "positive", "--csv", file.path(), "--ignore=id", "--epochs=1", "--positive=fraud"});
  EXPECT_EQ(Run({"predict", "positive", "--row=t1,5"}).Lines()[0],
            "label,probability of ok,probability of fraud (positive)");
  EXPECT_EQ(RunJson({"predict", "positive", "--row=t1,5"})["positive"], "fraud");
}

TEST_F(CommandTest, EvaluatesNoFileOfAHeaderAlone) {
  const TemporaryFile file(Rows(300, true));
  RunJson({"train", "empty", "--csv", file.path(), "--epochs=1"});
  const TemporaryFile header("a,c,y\n");
  const Result result = Run({"evaluate", "empty", "--csv", header.path()});
  EXPECT_EQ(result.code, 65);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            absl::StrCat("descent: ", header.path(), ": the file holds no rows but its header\n"));
}

// Numbers as they are, and a network that overflows on large ones.
TEST_F(CommandTest, PrintsNothingThatIsNotFinite) {
  RunJson({"create", "overflow", "--inputs=1", "--outputs=1", "--layers=none",
           "--initializer=constant:scale=1"});
  const TemporaryFile file("x,y\n1,2\n2,2\n\n3e38,3e38\n3.4e38,1\n");
  const auto run = [&](const std::vector<std::string>& command) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"overflow", "--csv", file.path(), "--header"});
    const Result result = Run(arguments);
    EXPECT_NE(result.code, 0) << command[0];
    EXPECT_THAT(result.err + result.out, HasSubstr("not a finite number")) << command[0];
    EXPECT_THAT(result.out, Not(HasSubstr("inf")));
    EXPECT_THAT(result.out, Not(HasSubstr("nan")));
    EXPECT_THAT(result.out, Not(HasSubstr("null")));
    return result.err;
  };
  run({"evaluate"});
  run({"evaluate", "--json"});
  run({"gradient"});
}

TEST_F(CommandTest, NamesTheLineOfACountThatIsTooLarge) {
  RunJson({"create", "counts", "--inputs=1", "--outputs=1", "--layers=none", "--loss=poisson",
           "--initializer=constant:scale=1"});
  const TemporaryFile file("x\n1\n2\n\n100\n3\n");
  for (const char* format : {"", "--json"}) {
    std::vector<std::string> arguments = {"predict", "counts", "--csv", file.path(), "--header"};
    if (*format != 0) arguments.emplace_back(format);
    const Result result = Run(arguments);
    EXPECT_EQ(result.code, 65);
    EXPECT_THAT(result.err + result.out,
                HasSubstr(absl::StrCat(file.path(), ":5: the prediction is not a finite number")));
    // Those before it, after the header or before the error.
    EXPECT_EQ(result.Lines().size(), 3U) << result.out;
    EXPECT_THAT(result.out, Not(HasSubstr("inf")));
    EXPECT_THAT(result.out, Not(HasSubstr("null")));
  }
}

}  // namespace
}  // namespace descent::cli
