#include "client/cli/text/csv_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/cli/message.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

using Rows = std::vector<std::vector<std::string>>;

struct Contents {
  std::vector<std::string> columns;
  Rows rows;
  std::vector<int64_t> lines;
  absl::Status status;  // of the first read that failed
};

Contents ReadAll(const std::string& path, const CsvOptions& options) {
  Contents contents;
  absl::StatusOr<CsvReader> reader = CsvReader::Open(path, options);
  contents.status = reader.status();
  if (!reader.ok()) return contents;
  contents.columns = reader->columns();
  Record record;
  while (true) {
    const absl::StatusOr<bool> any = reader->Next(&record);
    contents.status = any.status();
    if (!any.ok() || !*any) return contents;
    contents.rows.push_back(record.fields);
    contents.lines.push_back(record.line);
  }
}

Contents Parse(const std::string& text, const CsvOptions& options = {}) {
  const TemporaryFile file(text);
  Contents contents = ReadAll(file.path(), options);
  // So that messages can be compared: "<path>:2:1: ..." becomes ":2:1: ...".
  const std::string message(contents.status.message());
  if (message.compare(0, file.path().size(), file.path()) == 0) {
    contents.status = absl::Status(contents.status.code(), message.substr(file.path().size()));
  }
  return contents;
}

TEST(CsvReaderTest, ReadsAHeaderAndRecords) {
  const Contents contents = Parse("a,b\n1,x\n2,y\n");
  EXPECT_TRUE(contents.status.ok());
  EXPECT_THAT(contents.columns, ElementsAre("a", "b"));
  EXPECT_THAT(contents.rows, ElementsAre(ElementsAre("1", "x"), ElementsAre("2", "y")));
  EXPECT_THAT(contents.lines, ElementsAre(2, 3));
}

TEST(CsvReaderTest, NumbersColumnsWithoutAHeader) {
  const Contents contents = Parse("1,x\n2,y", {.header = false});
  EXPECT_THAT(contents.columns, ElementsAre("1", "2"));
  EXPECT_THAT(contents.rows, ElementsAre(ElementsAre("1", "x"), ElementsAre("2", "y")));
  EXPECT_THAT(contents.lines, ElementsAre(1, 2));
}

TEST(CsvReaderTest, NumbersColumnsTheHeaderDoesNotName) {
  EXPECT_THAT(Parse(",b\n1,2\n").columns, ElementsAre("1", "b"));
  // As pandas writes a table of columns that are called by numbers.
  EXPECT_THAT(Parse(",0,1,2\n7,1,2,3\n").columns, ElementsAre("column 1", "0", "1", "2"));
}

TEST(CsvReaderTest, TakesTheRowNamesOfWriteTable) {
  const Contents contents =
      Parse("\"a\" \"b\"\n\"1\" 5.1 \"x y\"\n\"2\" 4.9 \"z\"\n", {.delimiter = ' '});
  EXPECT_TRUE(contents.status.ok()) << contents.status;
  EXPECT_THAT(contents.columns, ElementsAre("1", "a", "b"));
  EXPECT_THAT(contents.rows,
              ElementsAre(ElementsAre("1", "5.1", "x y"), ElementsAre("2", "4.9", "z")));
  EXPECT_THAT(contents.lines, ElementsAre(2, 3));
  // A delimiter at the end of all lines but the header's names no rows.
  EXPECT_EQ(Message(Parse("a,b\n1,2,\n").status).substr(0, 30), ":2:3: expected 2 fields, got 3");
}

TEST(CsvReaderTest, SaysOfATitleAboveTheTableHowToTakeItOff) {
  for (const auto& [text, place] : std::vector<std::pair<std::string, std::string>>{
           {"Sales, 2024\na,b,c,d\n1,2,3,4\n", ":2:3: expected 2 fields, got 4"},
           {"Sales, 2024\na,b,c\n1,2,3\n", ":2:3: expected 2 fields, got 3"},
           {"Sales\n\na,b\n1,2\n", ":3:2: expected 1 field, got 2"},
           {"Sales\nof all shops\na,b\n1,2\n", ":3:2: expected 1 field, got 2"},
           {"# made by us\na,b,c\n1,2,3\n", ":2:2: expected 1 field, got 3"},
       }) {
    const std::string message = Message(Parse(text).status);
    EXPECT_THAT(message, testing::StartsWith(place)) << text;
    EXPECT_THAT(message, HasSubstr(absl::StrCat("tail -n +", place.substr(1, 1)))) << text;
  }
  // Further down it is no title.
  EXPECT_EQ(Message(Parse("a,b\n1,2\n1,2,3\n").status), ":3:3: expected 2 fields, got 3");
}

TEST(CsvReaderTest, CountsExcelsFirstLine) {
  const Contents contents = Parse("sep=,\na,b\n1,2\n3\n");
  EXPECT_THAT(contents.columns, ElementsAre("a", "b"));
  EXPECT_THAT(contents.lines, ElementsAre(3));
  EXPECT_EQ(Message(contents.status), ":4:2: expected 2 fields, got 1");
}

TEST(CsvReaderTest, TakesNamesOutOfSingleQuotesIfAllStandInSome) {
  EXPECT_THAT(Parse("'a','b c'\n1,2\n").columns, ElementsAre("a", "b c"));
  EXPECT_THAT(Parse("'a',b\n1,2\n").columns, ElementsAre("'a'", "b"));
}

TEST(CsvReaderTest, TellsColumnsOfOneNameApartAsPandasDoes) {
  EXPECT_THAT(Parse("x,y,x,x.1,x\n1,2,3,4,5\n").columns,
              ElementsAre("x", "y", "x.2", "x.1", "x.3"));
}

TEST(CsvReaderTest, NamesABytesPlaceThatIsNoText) {
  EXPECT_THAT(Message(Parse("a,b\n1,2\nx,caf\xE9\n").status),
              testing::StartsWith(":3:2: byte 0xE9 is not of UTF-8; if the file is in another "
                                  "charset"));
  EXPECT_THAT(Message(Parse("a,n\xE4me\n1,2\n").status), testing::StartsWith(":1:2: byte 0xE4"));
  EXPECT_EQ(Parse(std::string("a,b\n1,x\0y\n", 10)).status.message(),
            ":2:1: a NUL byte: the file is damaged, or no text");
}

TEST(CsvReaderTest, BoundsARecordThatAQuoteLeavesOpen) {
  const std::string text = "a,b\n1,\"" + std::string(70 << 20, 'x');
  EXPECT_THAT(Message(Parse(text).status),
              testing::StartsWith(":2:2: the record that begins in line 2 is longer"));
}

TEST(CsvReaderTest, TrimsSpacesOutsideQuotesAlone) {
  const Contents contents = Parse(" a ,\tb\n 1 , \" x \" \n");
  EXPECT_THAT(contents.columns, ElementsAre("a", "b"));
  EXPECT_THAT(contents.rows, ElementsAre(ElementsAre("1", " x ")));
}

TEST(CsvReaderTest, SkipsBlankLines) {
  const Contents contents = Parse("\na\n\n1\n  \n2\n\n\n");
  EXPECT_TRUE(contents.status.ok());
  EXPECT_THAT(contents.rows, ElementsAre(ElementsAre("1"), ElementsAre("2")));
  EXPECT_THAT(contents.lines, ElementsAre(4, 6));
}

TEST(CsvReaderTest, UnderstandsQuotes) {
  const Contents contents = Parse("a,b\n\"x, \"\"y\"\"\",\"two\nlines\"\n3,4\n");
  EXPECT_THAT(contents.rows,
              ElementsAre(ElementsAre("x, \"y\"", "two\nlines"), ElementsAre("3", "4")));
  EXPECT_THAT(contents.lines, ElementsAre(2, 4));
}

TEST(CsvReaderTest, KnowsAllLineEnds) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    const Contents contents =
        Parse(absl::StrCat("a,b", end, "1,2", end, end, "\"x", end, "y\",3", end, "5,6"));
    EXPECT_TRUE(contents.status.ok()) << contents.status;
    EXPECT_EQ(contents.rows.size(), 3U);
    EXPECT_THAT(contents.lines, ElementsAre(2, 4, 6));
  }
}

TEST(CsvReaderTest, DropsAByteOrderMark) {
  EXPECT_THAT(Parse("\xEF\xBB\xBF\"a\",b\n1,2\n").columns, ElementsAre("a", "b"));
}

TEST(CsvReaderTest, TakesAnotherDelimiter) {
  EXPECT_THAT(Parse("a;b\n1,5;2\n", {.delimiter = ';'}).rows, ElementsAre(ElementsAre("1,5", "2")));
}

TEST(CsvReaderTest, NamesTheFirstFieldThatIsMissingOrTooMany) {
  EXPECT_EQ(Parse("a,b,c\n1,2,3\n1,2\n").status.message(), ":3:3: expected 3 fields, got 2");
  EXPECT_THAT(Message(Parse("a,b,c\n1.5,2,3,4\n").status),
              testing::StartsWith(":2:4: expected 3 fields, got 4"));
  EXPECT_EQ(Parse("My report\n\na,b\n").status.message(),
            ":3:2: expected 1 field, got 2; if what stands above this line is a title and not the "
            "header, take it off, such as with tail -n +3");
}

TEST(CsvReaderTest, NamesWhereAnOpenQuoteBegan) {
  EXPECT_EQ(Parse("a,b\n1,\"x\ny\nz\n").status.message(),
            ":2:2: the quote that begins here is never closed");
}

TEST(CsvReaderTest, NamesAStrayQuote) {
  EXPECT_THAT(Message(Parse("a,b\n1,5\" pipe\n").status),
              testing::StartsWith(":2:2: a quote inside an unquoted field"));
  EXPECT_THAT(Message(Parse("a,b\n1,2\n\"x\"y,2\n").status),
              testing::StartsWith(":3:1: a quote inside an unquoted field"));
}

TEST(CsvReaderTest, RefusesAnEmptyFile) {
  EXPECT_EQ(Parse("").status.message(), ": the file holds no rows");
  EXPECT_EQ(Parse("\n \n").status.message(), ": the file holds no rows");
}

TEST(CsvReaderTest, SaysWhyAFileCannotBeRead) {
  const Contents absent = ReadAll("/nonexistent/data.csv", {});
  EXPECT_EQ(absent.status.message(), "/nonexistent/data.csv: No such file or directory");
  EXPECT_EQ(ExitCodeOf(absent.status), ExitCode::kBadData);
  const Contents directory = ReadAll(testing::TempDir(), {});
  EXPECT_THAT(Message(directory.status), EndsWith("Is a directory"));
}

TEST(CsvReaderTest, KeepsCountAcrossItsBuffer) {
  std::string text = "a,b\r\n";
  for (int i = 0; i < 30000; ++i) absl::StrAppend(&text, i, ",\"some\r\ntext\"\r\n");
  text += "1\r\n";
  const Contents contents = Parse(text);
  EXPECT_EQ(contents.rows.size(), 30000U);
  EXPECT_EQ(contents.status.message(), ":60002:2: expected 2 fields, got 1");
}

std::string Quoted(const std::string& field) {
  std::string quoted = "\"";
  for (const char c : field) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

RC_GTEST_PROP(CsvReaderPropertyTest, ReadsBackWhatIsQuoted, ()) {
  const int columns = *rc::gen::inRange(1, 5);
  const auto field =
      rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab1 ,;\"\t\n\r'?e")));
  auto rows = *rc::gen::nonEmpty(
      rc::gen::container<Rows>(rc::gen::container<std::vector<std::string>>(columns, field)));
  for (auto& row : rows) {
    for (std::string& text : row) text = absl::StrReplaceAll(text, {{"e", "\xC3\xA9"}});
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      absl::StrAppend(&text, i == 0 ? "" : ",", Quoted(row[i]));
    text += '\n';
  }
  const Contents contents = Parse(text, {.header = false});
  RC_ASSERT(contents.status.ok());
  RC_ASSERT(contents.rows == rows);
}

RC_GTEST_PROP(CsvReaderPropertyTest, ReadsOrRefusesAnything, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::weightedOneOf<char>(
      {{5, rc::gen::elementOf(std::string("a1,\" \n\r"))}, {1, rc::gen::arbitrary<char>()}}));
  const Contents contents = Parse(text);
  for (const auto& row : contents.rows) RC_ASSERT(row.size() == contents.columns.size());
  RC_ASSERT(contents.status.ok() || ExitCodeOf(contents.status) != ExitCode::kOk);
}

}  // namespace
}  // namespace descent::cli
