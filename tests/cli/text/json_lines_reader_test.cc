#include "client/cli/text/json_lines_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "tests/cli/message.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using Wanted = std::optional<std::vector<std::string>>;

struct Lines {
  std::vector<std::string> columns;
  std::vector<Record> records;
  std::vector<std::string> unseen;
};

absl::StatusOr<Lines> Read(const std::string& text, Wanted wanted = std::nullopt) {
  const TemporaryFile file(text);
  absl::StatusOr<std::unique_ptr<JsonLinesReader>> reader =
      JsonLinesReader::Begin(TextSource::Open(file.path(), "").value(), std::move(wanted));
  if (!reader.ok()) return reader.status();
  Lines lines;
  while (true) {
    Record record;
    const absl::StatusOr<bool> any = (*reader)->Next(&record);
    if (!any.ok()) return any.status();
    if (!*any) break;
    EXPECT_EQ(record.fields.size(), (*reader)->columns().size());
    lines.records.push_back(std::move(record));
  }
  lines.columns = (*reader)->columns();
  lines.unseen = (*reader)->Unseen();
  return lines;
}

std::string ProblemOf(const std::string& text) {
  const absl::Status status = Read(text).status();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadData) << text;
  return Message(status);
}

TEST(JsonLinesReaderTest, KeysAreColumnsAndValuesCellsAsCsvHasThem) {
  const Lines lines =
      Read(
          "{\"a\": 1.50, \"b\": \"red, \\\"x\\\"\", \"c\": true, \"d\": null}\r\n"
          "\n"
          "  {\"b\": \"\\u00e9\", \"a\": -3e5, \"c\": false, \"d\": 18446744073709551615}\n"
          "{\"a\": 123456789012345678901234567890, \"b\": \"\", \"c\": \"NA\", \"d\": -0.0}\n"
          "{\"a\": -0, \"b\": \"-0\", \"c\": -7, \"d\": 0}")
          .value();
  EXPECT_THAT(lines.columns, ElementsAre("a", "b", "c", "d"));
  ASSERT_EQ(lines.records.size(), 4U);
  EXPECT_THAT(lines.records[3].fields, ElementsAre("-0", "-0", "-7", "0"));
  EXPECT_THAT(lines.records[0].fields, ElementsAre("1.50", "red, \"x\"", "true", ""));
  EXPECT_THAT(lines.records[1].fields,
              ElementsAre("-3e5", "\xC3\xA9", "false", "18446744073709551615"));
  EXPECT_THAT(lines.records[2].fields,
              ElementsAre("123456789012345678901234567890", "", "NA", "-0.0"));
  EXPECT_EQ(lines.records[0].line, 1);
  EXPECT_EQ(lines.records[1].line, 3);
  EXPECT_EQ(lines.records[2].line, 4);
}

TEST(JsonLinesReaderTest, AKeyThatIsNotThereIsAMissingCell) {
  const Lines lines = Read("{\"a\": 1}\n{\"b\": 2}\n{}\n{\"c\": 3, \"a\": 4}\n").value();
  EXPECT_THAT(lines.columns, ElementsAre("a", "b", "c"));
  EXPECT_THAT(lines.records[0].fields, ElementsAre("1"));
  EXPECT_THAT(lines.records[1].fields, ElementsAre("", "2"));
  EXPECT_THAT(lines.records[2].fields, ElementsAre("", ""));
  EXPECT_THAT(lines.records[3].fields, ElementsAre("4", "", "3"));
}

TEST(JsonLinesReaderTest, TakesTheColumnsThatAreWantedAndPassesOverOthers) {
  const Lines lines =
      Read("{\"x\": 1, \"a\": 2}\n{\"later\": 3, \"b\": 4}\n", Wanted({"a", "b", "never"})).value();
  EXPECT_THAT(lines.columns, ElementsAre("x", "a", "b", "never"));
  EXPECT_THAT(lines.records[0].fields, ElementsAre("1", "2", "", ""));
  EXPECT_THAT(lines.records[1].fields, ElementsAre("", "", "4", ""));
  EXPECT_THAT(lines.unseen, ElementsAre("never"));
  EXPECT_THAT(Read("{\"a\": null}\n", Wanted({"a"})).value().unseen, IsEmpty());
}

TEST(JsonLinesReaderTest, RefusesWhatIsNoCellByLineAndKey) {
  struct Case {
    const char* line;
    const char* problem;
  };
  for (const Case& c : {
           Case{"{\"a\": [1, 2]}", ":2: \"a\" is an array: a cell holds one value"},
           Case{"{\"a\": {\"b\": 1}}", ":2: \"a\" is an object: a cell holds one value"},
           Case{"{\"a\": 1, \"a\": 2}", ":2: \"a\" is said twice"},
           Case{"{\"a\": 1e999}", ":2: \"a\" is a number too large"},
           Case{"{\"a\": \"x\\u0000\"}", ":2: \"a\" holds a NUL character"},
           Case{"{\"\": 1}", ":2: \"\" is a key that says nothing"},
           Case{"[1, 2]", ":2: a line that is no object"},
           Case{"7", ":2: a line that is no object"},
           Case{"null", ":2: a line that is no object"},
           Case{"{\"a\": 1} {\"a\": 2}", ":2: no JSON at byte "},
           Case{"{\"a\": nan}", ":2: no JSON at byte "},
           Case{"{\"a\": 01}", ":2: no JSON at byte "},
           Case{"{\"a\":", "jq -c . FILE writes one object a line"},
           Case{"{\"a\": \"\xE9\"}", ":2: no JSON at byte "},
           Case{"{'a': 1}", ":2: no JSON at byte "},
       }) {
    EXPECT_THAT(ProblemOf(absl::StrCat("{\"a\": 1}\n", c.line, "\n")), HasSubstr(c.problem))
        << c.line;
  }
  EXPECT_THAT(ProblemOf("{\n  \"a\": 1\n}\n"), HasSubstr("jq -c"));
}

TEST(JsonLinesReaderTest, DeepNestingIsRefusedAtItsSecondLevel) {
  const std::string deep = "{\"a\": " + std::string(5'000'000, '[') + "\n";
  EXPECT_THAT(ProblemOf(deep), HasSubstr("\"a\" is an array"));
}

TEST(JsonLinesReaderTest, ALineThatIsTooLongIsRefusedBeforeItIsRead) {
  const std::string text = "{\"a\": 1}\n{\"a\": \"" + std::string(65 << 20, 'x') + "\"}\n";
  EXPECT_THAT(ProblemOf(text), HasSubstr(":2: a line of more than 67.1 MB"));
}

TEST(JsonLinesReaderTest, KeysThatAreOthersInEachLineAreRefused) {
  std::string text;
  for (int i = 0; i < 20000; ++i) absl::StrAppend(&text, "{\"key", i, "\": 1}\n");
  EXPECT_THAT(ProblemOf(text), HasSubstr("many times larger than the file"));
}

TEST(JsonLinesReaderTest, AFileWithoutRowsIsRefused) {
  const TemporaryFile file("\n\n");
  const auto reader = JsonLinesReader::Begin(
      TextSource::Open(file.path(), "", FileFormat::kJsonLines).value(), std::nullopt);
  EXPECT_THAT(Message(reader.status()), HasSubstr("the file holds no rows"));
  EXPECT_THAT(Message(reader.status()), StartsWith(file.path()));
}

// Lines across the pieces in which files are read.
TEST(JsonLinesReaderTest, ReadsLinesOfAnyLength) {
  std::string text;
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&text, "{\"n\": ", i, ", \"t\": \"", std::string(i * 37, 'x'), "\"}\n");
  }
  const Lines lines = Read(text).value();
  ASSERT_EQ(lines.records.size(), 200U);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(lines.records[i].line, i + 1);
    EXPECT_THAT(lines.records[i].fields, ElementsAre(absl::StrCat(i), std::string(i * 37, 'x')));
  }
}

}  // namespace
}  // namespace descent::cli
