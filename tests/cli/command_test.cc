// The program `descent` against the program `descentd`, over TCP.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/cli/temporary_file.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"

namespace descent::cli {
namespace {

using descent::testing::BinaryDir;
using descent::testing::Process;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::StartsWith;
using Json = nlohmann::json;

struct Result {
  int code = 0;
  std::string out;
  std::string err;

  std::vector<std::string> Lines() const { return absl::StrSplit(out, '\n', absl::SkipEmpty()); }
  Json LastJson() const { return Json::parse(Lines().back()); }
};

// A server for all tests of this file; each test uses names of its own.
class CommandTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new Process({BinaryDir() + "/bin/descentd", "--listen=127.0.0.1:0", "--in-memory"});
    address_ = new std::string(server_->AwaitLine("listening on "));
    ASSERT_THAT(*address_, Not(IsEmpty())) << server_->ErrorOutput();
  }

  static void TearDownTestSuite() {
    server_->Signal(SIGTERM);
    EXPECT_EQ(server_->Wait(), 0) << server_->ErrorOutput();
    delete server_;
    delete address_;
  }

  static std::unique_ptr<Process> Start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), BinaryDir() + "/bin/descent");
    return std::make_unique<Process>(
        arguments, std::map<std::string, std::string>{{"DESCENT_SERVER", *address_}});
  }

  static Result Run(const std::vector<std::string>& arguments) {
    const std::unique_ptr<Process> process = Start(arguments);
    Result result;
    result.code = process->Wait();
    result.out = process->Output();
    result.err = process->ErrorOutput();
    return result;
  }

  // Runs what should succeed, and returns its last line.
  static Json RunJson(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const Result result = Run(arguments);
    EXPECT_EQ(result.code, 0) << result.err << result.out;
    return result.LastJson();
  }

  static Process* server_;
  static std::string* address_;
};

Process* CommandTest::server_ = nullptr;
std::string* CommandTest::address_ = nullptr;

// y = 100 a + 1000 if c is "hot", for a file whose unit is far from the network's.
std::string Rows(int count, bool header) {
  std::string text = header ? "a,c,y\n" : "";
  for (int i = 0; i < count; ++i) {
    const int a = i * 7 % 101;
    const bool hot = i % 3 == 0;
    absl::StrAppend(&text, a, ", ", hot ? "hot" : "cold", ", ", 100 * a + (hot ? 1000 : 0), "\n");
  }
  return text;
}

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

TEST_F(CommandTest, TakesNumbersAsTheyAreForAModelOfOthers) {
  ASSERT_EQ(Run({"create", "others", "--inputs=2", "--outputs=2", "--layers=none"}).code, 0);
  const Result result = Run({"predict", "others", "--row=1,2"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.Lines()[0], "output 1,output 2");
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

TEST_F(CommandTest, SaysWhenTrainingDiverges) {
  const Result result =
      Run({"train", "diverges", "--generate=friedman1", "--learning-rate=1e30", "--rows=200"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("the update was refused and nothing changed"));
}

// Rows "id,x,label": fraud where x is large, which few are.
std::string Frauds(int count) {
  std::string text = "id,x,label\n";
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&text, "t", i, ",", i % 100, ",", i % 100 >= 90 ? "fraud" : "ok", "\n");
  }
  return text;
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

TEST_F(CommandTest, CarriesColumnsThroughAPrediction) {
  const TemporaryFile file(Frauds(300));
  RunJson({"train", "kept", "--csv", file.path(), "--ignore=id", "--epochs=1"});
  const Result result = Run({"predict", "kept", "--csv", file.path(), "--keep=id", "--keep=x"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.Lines()[0], "id,x,label,probability of fraud,probability of ok");
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
    EXPECT_THAT(result.out, Not(HasSubstr("inf")));
    EXPECT_THAT(result.out, Not(HasSubstr("null")));
  }
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

TEST_F(CommandTest, SaysWhenItIsUsedWrongly) {
  const std::vector<std::vector<std::string>> usages = {
      {},
      {"dance"},
      {"train"},
      {"train", "x"},
      {"train", "x", "--generate=friedman1", "--csv=x.csv"},
      {"train", "x", "--generate=friedman1", "--epochs=0"},
      {"train", "x", "--generate=friedman1", "--epochs=99999999999999999999"},
      {"train", "x", "--generate=friedman1", "--batch=1.5"},
      {"train", "x", "--generate=friedman1", "--loss=love"},
      {"train", "x", "--generate=sine"},
      {"predict", "x"},
      {"predict", "x", "--csv=a", "--row=1"},
      {"create", "x"},
      {"params", "get"},
      {"checkpoint"},
      {"checkpoint", "create"},
      {"checkpoint", "restore", "x"},
      {"checkpoint", "delete", "x", "newest"},
      {"backup"},
      {"verify"},
      {"get", "x", "--unknown"},
  };
  for (const std::vector<std::string>& usage : usages) {
    EXPECT_EQ(Run(usage).code, 64) << ::testing::PrintToString(usage);
  }
}

TEST_F(CommandTest, SaysWhatIsWrongWithTheCommandLine) {
  EXPECT_THAT(Run({"dance"}).err, StartsWith("descent: there is no subcommand \"dance\"\n"));
  EXPECT_THAT(Run({"get", "x", "--how", "so"}).err,
              StartsWith("descent: not expected: --how so\n"));
  EXPECT_THAT(Run({"train", "x", "--generate=friedman1", "--batch=0"}).err,
              HasSubstr("--batch: expected a whole number from 1 to 1000000000, got \"0\"\n"));
  const Result json = Run({"get", "--json"});
  EXPECT_EQ(json.code, 64);
  EXPECT_THAT(json.err, IsEmpty());
  EXPECT_EQ(json.LastJson()["error"]["message"], "NAME is required");
  EXPECT_EQ(json.LastJson()["error"]["exit_status"], 64);
}

TEST_F(CommandTest, NamesThePlaceOfBadData) {
  const TemporaryFile ragged("a,b,y\n1,2,3\n4,5\n");
  const Result result = Run({"train", "bad", "--csv", ragged.path()});
  EXPECT_EQ(result.code, 65);
  EXPECT_EQ(result.err,
            absl::StrCat("descent: ", ragged.path(), ":3:3: expected 3 fields, got 2\n"));
  EXPECT_EQ(Run({"train", "bad", "--csv=/nonexistent.csv"}).code, 65);
  EXPECT_EQ(Run({"get", "bad"}).code, 1);  // nothing was made
}

TEST_F(CommandTest, SaysWhenTheServerCannotBeReached) {
  const Result result = Run({"list", "--server=127.0.0.1:1", "--connect-timeout=0.2"});
  EXPECT_EQ(result.code, 69);
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1"));
}

TEST_F(CommandTest, ExplainsItself) {
  EXPECT_THAT(Run({"--version"}).out, StartsWith("descent "));
  EXPECT_THAT(Run({"--help"}).out, AllOf(HasSubstr("train"), HasSubstr("Exit status")));
  const Result help = Run({"train", "--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* text : {"--test-fraction", "default 0.2", "default 64,64", "default 0.001",
                           "default 30", "mean_squared_error", "friedman1"}) {
    EXPECT_THAT(help.out, HasSubstr(text));
  }
}

}  // namespace
}  // namespace descent::cli
