// Tables as people have them, through the program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/cli/command.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using TablesCommandTest = CommandTest;

std::string RowsWith(const char* delimiter) {
  std::vector<std::string> lines = {absl::StrCat("a", delimiter, "b", delimiter, "y")};
  for (int i = 0; i < 60; ++i) {
    lines.push_back(absl::StrCat(i * 0.25, delimiter, i % 7 - 3, delimiter, i * 2.5 + i % 7));
  }
  return absl::StrJoin(lines, "\n") + "\n";
}

constexpr char kQuick[] = " --epochs 1 --layers 4";

TEST_F(TablesCommandTest, TrainsFromStandardInputAPipeWithANameAndGzip) {
  const TemporaryFile file(RowsWith(","));
  const std::string& path = file.path();
  const std::string fifo = path + ".fifo";
  for (const std::string& command : {
           absl::StrCat("descent train pipe1 --csv - < ", path),
           absl::StrCat("cat ", path, " | descent train pipe2 --csv -"),
           absl::StrCat("cat ", path, " | descent train pipe3 --csv /dev/stdin"),
           absl::StrCat("gzip -c ", path, " | descent train pipe4 --csv -"),
           absl::StrCat("mkfifo ", fifo, "; cat ", path, " > ", fifo,
                        " & descent train pipe5 --csv ", fifo),
       }) {
    const Result result = Shell(absl::StrCat(command, kQuick));
    EXPECT_EQ(result.code, 0) << command << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr("48 rows to learn from, 12 to test"));
  }
  // What is there goes on learning from a pipe.
  const Result result = Shell(absl::StrCat("cat ", path, " | descent train pipe1 --csv -", kQuick));
  EXPECT_EQ(result.code, 0) << result.err;
  Shell("rm -f " + fifo);
}

TEST_F(TablesCommandTest, FindsTheDelimiterAndSaysItAndTakesATabByName) {
  for (const char* delimiter : {";", "\t", "|"}) {
    const TemporaryFile file(RowsWith(delimiter));
    const std::string name = absl::StrCat("delimiter", static_cast<int>(delimiter[0]));
    const Result result =
        Shell(absl::StrCat("descent train ", name, " --target y --csv ", file.path(), kQuick));
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("stands between fields"));
    // Files of another make are read by the same model.
    const TemporaryFile other(RowsWith(","));
    for (const std::string& path : {file.path(), other.path()}) {
      const Result predicted = Shell(absl::StrCat("descent predict ", name, " --csv ", path));
      EXPECT_EQ(predicted.code, 0) << predicted.err;
      EXPECT_EQ(std::count(predicted.out.begin(), predicted.out.end(), '\n'), 61);
    }
  }
  const TemporaryFile file(RowsWith("\t"));
  for (const char* tab : {"'\\t'", "tab", "\"$(printf '\\t')\""}) {
    const Result result =
        Shell(absl::StrCat("descent train tab --delimiter ", tab, " --csv ", file.path(), kQuick));
    EXPECT_EQ(result.code, 0) << tab << result.err;
  }
}

// What Excel and R write of the same rows, for a model that has learnt from a plain file.
TEST_F(TablesCommandTest, FilesOfOtherMakesAreReadByAModelThatIsThere) {
  const TemporaryFile file(RowsWith(","));
  ASSERT_EQ(Shell(absl::StrCat("descent train makes --csv ", file.path(), kQuick)).code, 0);
  const TemporaryFile excel(
      "sep=;\r\na;b;y\r\n0,5;\xE2\x88\x92"
      "1;2\r\n1,5;2;3\r\n");
  const TemporaryFile plain("a,b,y\n0.5,-1,2\n1.5,2,3\n");
  const TemporaryFile r("\"a\" \"b\" \"y\"\n\"1\" 0.5 -1 2\n\"2\" 1.5 2 3\n");
  const std::string expected = Shell("descent predict makes --csv " + plain.path()).out;
  EXPECT_EQ(std::count(expected.begin(), expected.end(), '\n'), 3);
  for (const TemporaryFile* other : {&excel, &r}) {
    const Result result = Shell("descent predict makes --csv " + other->path());
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.out, expected);
  }
}

TEST_F(TablesCommandTest, ASlipIsAnErrorWithItsPlaceAndTheOptionsItNamesWork) {
  const TemporaryFile file(RowsWith(",") + "1O,2,3\n");
  const std::string train = absl::StrCat("descent train slip --csv ", file.path(), kQuick);
  const Result result = Shell(train);
  EXPECT_EQ(result.code, 65);
  EXPECT_THAT(result.err, AllOf(HasSubstr(":62:1: a: \"1O\" is not a number"),
                                HasSubstr("--missing '1O'"), HasSubstr("--categorical a")));
  EXPECT_EQ(Shell(train + " --missing '1O'").code, 0);
  EXPECT_EQ(Shell(absl::StrCat("descent evaluate slip --csv ", file.path())).code, 0);
  EXPECT_EQ(
      Shell(absl::StrCat("descent train slip2 --categorical a --csv ", file.path(), kQuick)).code,
      0);
}

TEST_F(TablesCommandTest, DatesUnitsAndDecimalCommasAreReadAgainByPredict) {
  std::string text = "when;share;x;y\n";
  for (int day = 1; day <= 28; ++day) {
    absl::StrAppend(&text, "2024-02-", day < 10 ? "0" : "", day, ";", day, "%;", day, ",5;", day,
                    ",25\n");
  }
  const TemporaryFile file(text);
  const Result result = Shell(absl::StrCat("descent train dates --csv ", file.path(), kQuick));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("column when holds dates"), HasSubstr("decimal comma"),
                                HasSubstr("new model 7-4-1")));
  const Result predicted = Shell("descent predict dates --row '2024-03-01;29%;29,5'");
  EXPECT_EQ(predicted.code, 0) << predicted.err;
  const Result bad = Shell("descent predict dates --row '01.03.2024;29%;29,5'");
  EXPECT_EQ(bad.code, 65);
  EXPECT_THAT(bad.err, HasSubstr("--row:1:1: when holds dates, and \"01.03.2024\" is none"));
}

TEST_F(TablesCommandTest, RowsWithoutATargetAreLeftOutAndCounted) {
  const TemporaryFile file(RowsWith(",") + "1,2,NA\n1,3,\n");
  const Result result = Shell(absl::StrCat("descent train absent --csv ", file.path(), kQuick));
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("left out: 2 rows without a target"));
  const Result evaluated = Shell(absl::StrCat("descent evaluate absent --csv ", file.path()));
  EXPECT_EQ(evaluated.code, 0) << evaluated.err;
  EXPECT_THAT(evaluated.out, HasSubstr("on 60 rows"));
  EXPECT_THAT(evaluated.err, HasSubstr("left out: 2 rows without a target"));
}

TEST_F(TablesCommandTest, AFileOfAHeaderAloneIsNamedInWords) {
  const TemporaryFile file(RowsWith(","));
  ASSERT_EQ(Shell(absl::StrCat("descent train empty --csv ", file.path(), kQuick)).code, 0);
  const TemporaryFile header("a,b,y\n");
  for (const char* command : {"evaluate", "gradient"}) {
    const Result result = Shell(absl::StrCat("descent ", command, " empty --csv ", header.path()));
    EXPECT_EQ(result.code, 65) << command;
    EXPECT_THAT(result.err, HasSubstr("the file holds no rows but its header")) << command;
  }
  const Result predicted = Shell(absl::StrCat("descent predict empty --csv ", header.path()));
  EXPECT_EQ(predicted.code, 0) << predicted.err;
  EXPECT_EQ(predicted.out, "y\n");
}

}  // namespace
}  // namespace descent::cli
