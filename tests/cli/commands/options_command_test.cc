// No option that is given is passed over without a word: it is used, said to be of no use, or
// refused.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cli/command.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Unused {
  const char* arguments;  // of the shell; $file is one of rows
  const char* message;
};

class UnusedOptionTest : public CommandTest, public ::testing::WithParamInterface<Unused> {
 protected:
  static void SetUpTestSuite() {
    CommandTest::SetUpTestSuite();
    EXPECT_EQ(Shell(absl::StrCat("descent train known --epochs 1 --csv ", File())).code, 0);
    // One that others have made and trained.
    EXPECT_EQ(Run({"create", "foreign", "--inputs=2", "--layers=none"}).code, 0);
    EXPECT_EQ(Shell("descent params get foreign --json | descent params set foreign -").code, 0);
  }

  static const std::string& File() {
    static const auto* file = new TemporaryFile(Rows(100, true));
    return file->path();
  }
};

TEST_P(UnusedOptionTest, IsRefused) {
  const Result result = Shell(absl::StrCat("file=", File(), "; descent ", GetParam().arguments));
  EXPECT_EQ(result.code, 64) << GetParam().arguments << "\n" << result.out << result.err;
  EXPECT_THAT(result.err, HasSubstr(GetParam().message)) << GetParam().arguments;
}

INSTANTIATE_TEST_SUITE_P(
    OfMadeUpRows, UnusedOptionTest,
    ::testing::Values(Unused{"train x --generate friedman1 --target y", "--target goes with --csv"},
                      Unused{"train x --generate friedman1 --ignore x1", "--ignore goes with"},
                      Unused{"train x --generate friedman1 --categorical x1", "--categorical goes"},
                      Unused{"train x --generate friedman1 --positive 1", "--positive goes with"},
                      Unused{"train x --generate friedman1 --test-csv $file", "--test-csv goes"},
                      Unused{"train x --generate friedman1 --delimiter ';'", "--delimiter goes"},
                      Unused{"train x --generate friedman1 --no-header", "--no-header goes with"},
                      Unused{"train x --generate friedman1 --encoding latin1", "--encoding goes"},
                      Unused{"train x --generate friedman1 --missing -", "--missing goes with"},
                      Unused{"train x --csv $file --rows 5", "--rows goes with --generate"},
                      Unused{"train x --csv $file --noise 1", "--noise goes with --generate"}));

INSTANTIATE_TEST_SUITE_P(
    OfANewModel, UnusedOptionTest,
    ::testing::Values(
        Unused{"train x --csv $file --layers none --activation tanh", "--activation is of the"},
        Unused{"create x --inputs 2 --layers none --activation tanh", "--activation is of the"},
        Unused{"create x --inputs 2 --label a=1 --label a=2", "--label: a is given twice"},
        Unused{"train x --csv $file --positive hot", "--positive is for targets of two classes"},
        Unused{"train x --csv $file --categorical a --ignore a", "--categorical and --ignore: a"},
        Unused{"train x --csv $file --categorical y --loss huber", "--categorical and --loss"},
        Unused{"train x --csv $file --not-missing hot", "--not-missing: \"hot\" is none of"},
        Unused{"train x --csv $file --missing NA --not-missing NA", "can't be both"},
        Unused{"train x --csv $file --test-csv $file --test-fraction 0.5", "--test-"}));

INSTANTIATE_TEST_SUITE_P(
    OfAModelThatIsThere, UnusedOptionTest,
    ::testing::Values(
        Unused{"train known --csv $file --loss huber", "--loss: the model known is there"},
        Unused{"train known --csv $file --layers 3", "--layers: the model known is there"},
        Unused{"train known --csv $file --activation tanh", "--activation: the model known"},
        Unused{"train known --csv $file --optimizer sgd", "--optimizer: the model known is"},
        Unused{"train known --csv $file --schedule cosine:period=9", "--schedule: the model"},
        Unused{"train known --csv $file --warmup-steps 9", "--warmup-steps: the model known"},
        Unused{"train known --csv $file --clip-norm 9", "--clip-norm: the model known is"},
        Unused{"train known --csv $file --initializer zeros", "--initializer: the model known"},
        Unused{"train known --csv $file --data-type float64", "--data-type: the model known"},
        Unused{"train known --csv $file --durability memory", "--durability: the model known"},
        Unused{"train known --csv $file --target a", "--target: the model is there already"},
        Unused{"train known --csv $file --ignore a", "--ignore: the model is there already"},
        Unused{"train known --csv $file --ignore 1", "--ignore: the model is there already"},
        Unused{"train known --csv $file --ignore b", "--ignore: no column is called \"b\""},
        Unused{"train known --csv $file --categorical a", "takes a for numbers"},
        Unused{"train known --csv $file --categorical b", "no column is called \"b\""},
        Unused{"train known --csv $file --positive hot", "has no two classes"},
        Unused{"train known --csv $file --not-missing hot", "--not-missing: \"hot\" is none"},
        Unused{"train foreign --csv $file --ignore a", "--ignore: the model is there already"},
        Unused{"train foreign --csv $file --activation relu", "no hidden layers"}));

INSTANTIATE_TEST_SUITE_P(
    OfRows, UnusedOptionTest,
    ::testing::Values(Unused{"predict known --row 1,hot --header", "--header goes with --csv"},
                      Unused{"predict known --row 1,hot --no-header", "--no-header goes with"},
                      Unused{"evaluate known --row 1,hot,2 --encoding latin1", "--encoding goes"},
                      Unused{"predict known --csv $file --keep b", "--keep: no column is called"},
                      Unused{"predict known --csv $file --not-missing x", "--not-missing: \"x\""}));

INSTANTIATE_TEST_SUITE_P(OfCommandsThatAskNoServer, UnusedOptionTest,
                         ::testing::Values(Unused{"verify /tmp --server 127.0.0.1:1",
                                                  "--server: this command asks no"},
                                           Unused{"--connect-timeout 3 verify /tmp",
                                                  "--connect-timeout: this command"}));

class OptionsCommandTest : public CommandTest {};

TEST_F(OptionsCommandTest, WordsThatNoCellSaysAreSaid) {
  const TemporaryFile file(Rows(100, true) + "-999,hot,5\nNA,hot,5\n");
  const Result result = Run({"train", "words", "--csv", file.path(), "--epochs=1", "--missing=-999",
                             "--missing=-998", "--not-missing=null"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("note: --missing '-998': no cell says just that"));
  EXPECT_THAT(result.err, HasSubstr("note: --not-missing 'null': no cell says just that"));
  EXPECT_THAT(result.err, Not(HasSubstr("'-999'")));
}

// What was missing to the first file can be a value in another, and the other way round.
TEST_F(OptionsCommandTest, WordsOfALaterFileCountMoreThanThoseOfTheFirst) {
  const TemporaryFile file(Rows(100, true) + "-999,hot,5\n");
  RunJson({"train", "again", "--csv", file.path(), "--epochs=1", "--missing=-999"});
  const auto predict = [](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"predict", "again", "--row=-999,hot"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunJson(arguments)["prediction"].get<double>();
  };
  const double missing = predict({});
  const double value = predict({"--not-missing=-999"});
  EXPECT_NE(missing, value);
  EXPECT_EQ(predict({"--missing=-999"}), missing);
}

TEST_F(OptionsCommandTest, TheAddressOfTheEnvironmentIsNamedWhereItIsWrong) {
  const Result wrong = Shell("DESCENT_SERVER=http://localhost descent list");
  EXPECT_EQ(wrong.code, 64);
  EXPECT_THAT(wrong.err, HasSubstr("descent: $DESCENT_SERVER: "));
  const Result away = Shell("DESCENT_SERVER=127.0.0.1:1 descent list --connect-timeout 0.2");
  EXPECT_EQ(away.code, 69);
  EXPECT_THAT(away.err, HasSubstr("the address is from $DESCENT_SERVER"));
  const Result given = Shell("descent list --server 127.0.0.1:1 --connect-timeout 0.2");
  EXPECT_EQ(given.code, 69);
  EXPECT_THAT(given.err, Not(HasSubstr("DESCENT_SERVER")));
  EXPECT_THAT(Shell("descent list --server nowhere").err, HasSubstr("descent: --server: "));
  EXPECT_EQ(Shell("DESCENT_SERVER= descent list --server " + address()).code, 0);
}

}  // namespace
}  // namespace descent::cli
