// What the program says of itself, and of being used wrongly.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cli/command.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

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
