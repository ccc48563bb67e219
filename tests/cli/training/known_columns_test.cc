#include "client/cli/training/known_columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/failure.h"
#include "client/cli/text/text_source.h"
#include "tests/cli/message.h"

namespace descent::cli {
namespace {

using testing::HasSubstr;

// Of a file "id,a,c,when,y" from which id was left out: a number, two categories, a date, two
// classes.
Encoding Example() {
  Encoding encoding;
  encoding.fields = 5;
  encoding.inputs = {{"a", 1, NumberEncoding{{0, 1}, 0}},
                     {"c", 2, CategoryEncoding{{"u", "v"}}},
                     {"when", 3, NumberEncoding{{0, 1}, 0}, "", DatePart::kDays}};
  encoding.target = {"y", 4, CategoryEncoding{{"no", "yes"}}};
  return encoding;
}

absl::Status Check(const DataOptions& options, const char* text, bool header = true,
                   const Encoding& encoding = Example()) {
  FileOptions file;
  file.header = header;
  absl::StatusOr<KnownFile> known = OpenKnown(TextSource::OfText("f", text), file, encoding);
  EXPECT_TRUE(known.ok()) << known.status();
  return CheckKnownColumns(options, encoding, *known);
}

constexpr char kSame[] = "id,a,c,when,y\n1,2,u,2024-01-01,no\n";
constexpr char kMoved[] = "y,when,c,a,more\nno,2024-01-01,u,2,1\n";  // and another column

TEST(KnownColumnsTest, TakeWhatIsSoAlready) {
  DataOptions options;
  options.target = "y";
  options.ignored = {"id"};
  options.categorical = {"c", "y"};
  options.positive = "yes";
  EXPECT_TRUE(Check(options, kSame).ok()) << Check(options, kSame);
  // By number, of the file at hand.
  options = {};
  options.target = "5";
  options.ignored = {"1"};
  EXPECT_TRUE(Check(options, kSame).ok());
  options.target = "1";
  options.ignored = {"5", "more"};
  EXPECT_TRUE(Check(options, kMoved).ok()) << Check(options, kMoved);
  // A file without a header has the first one's columns.
  options = {};
  options.target = "y";
  options.ignored = {"1"};
  EXPECT_TRUE(Check(options, "1,2,u,2024-01-01,no\n", /*header=*/false).ok());
}

TEST(KnownColumnsTest, PassOverNoOption) {
  struct Case {
    std::function<void(DataOptions*)> set;
    const char* message;
  };
  for (const Case& each : std::vector<Case>{
           {[](DataOptions* options) { options->target = "a"; },
            "--target: the model is there already, and its target is y"},
           {[](DataOptions* options) { options->target = "price"; },
            "--target: no column is called \"price\""},
           {[](DataOptions* options) { options->ignored = {"a"}; },
            "--ignore: the model is there already, and needs a"},
           {[](DataOptions* options) { options->ignored = {"2"}; },
            "--ignore: the model is there already, and needs a"},
           {[](DataOptions* options) { options->ignored = {"when"}; }, "and needs when"},
           {[](DataOptions* options) { options->ignored = {"y"}; },
            "--ignore: the target can't be left out"},
           {[](DataOptions* options) { options->ignored = {"speling"}; },
            "--ignore: no column is called \"speling\""},
           {[](DataOptions* options) { options->categorical = {"a"}; }, "takes a for numbers"},
           {[](DataOptions* options) { options->categorical = {"2"}; }, "takes a for numbers"},
           {[](DataOptions* options) { options->categorical = {"when"}; }, "takes when for dates"},
           {[](DataOptions* options) { options->categorical = {"id"}; }, "leaves id out"},
           {[](DataOptions* options) { options->categorical = {"7"}; },
            "--categorical: no column is called \"7\""},
           {[](DataOptions* options) { options->embedded = {"a"}; },
            "--embed: the model is there already, and takes a for numbers"},
           {[](DataOptions* options) { options->embedded = {"when:4"}; }, "takes when for dates"},
           {[](DataOptions* options) { options->embedded = {"c"}; },
            "--embed: the model is there already, and has an input for each category of c"},
           {[](DataOptions* options) { options->embedded = {"id"}; }, "leaves that column out"},
           {[](DataOptions* options) { options->embedded = {"y:3"}; },
            "--embed: the target can't be embedded"},
           {[](DataOptions* options) { options->embedded = {"speling:3"}; },
            "--embed: no column is called \"speling\""},
           {[](DataOptions* options) { options->embedded = {"c:0"}; }, "got \"0\""},
           {[](DataOptions* options) { options->positive = "no"; },
            "--positive: the model is there already, and its positive class is yes"},
       }) {
    DataOptions options;
    each.set(&options);
    const absl::Status status = Check(options, kSame);
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage) << each.message;
    EXPECT_THAT(Message(status), HasSubstr(each.message));
  }
}

TEST(KnownColumnsTest, AreNumbersAsTheyAreForAModelWithoutAnEncoding) {
  DataOptions options;
  options.target = "y";
  EXPECT_TRUE(CheckPlainColumns(options).ok());
  options.ignored = {"a"};
  EXPECT_THAT(Message(CheckPlainColumns(options)), HasSubstr("--ignore: "));
  options = {};
  options.categorical = {"a"};
  EXPECT_THAT(Message(CheckPlainColumns(options)), HasSubstr("--categorical: "));
  options = {};
  options.embedded = {"a"};
  EXPECT_THAT(Message(CheckPlainColumns(options)), HasSubstr("--embed: "));
  options = {};
  options.positive = "1";
  EXPECT_EQ(ExitCodeOf(CheckPlainColumns(options)), ExitCode::kUsage);
}

TEST(KnownColumnsTest, HoldSizesAgainstThoseOfTheTable) {
  Encoding encoding = Example();
  encoding.inputs[1].values = EmbeddedEncoding{"c", 8, 1024};
  for (const char* same : {"c", "3", "c:8", "c:8:1024", "3:8"}) {
    DataOptions options;
    options.embedded = {same};
    options.categorical = {"c"};
    const absl::Status status = Check(options, kSame, true, encoding);
    EXPECT_TRUE(status.ok()) << same << ": " << status;
  }
  for (const char* other : {"c:9", "c:8:2048", "c:9:1024"}) {
    DataOptions options;
    options.embedded = {other};
    const absl::Status status = Check(options, kSame, true, encoding);
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage) << other;
    EXPECT_THAT(Message(status), HasSubstr("--embed: the model is there already, and embeds c with "
                                           "the dimension 8 in 1024 buckets"));
  }
}

}  // namespace
}  // namespace descent::cli
