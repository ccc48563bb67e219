#include "client/cli/table_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/cli/message.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsNan;

std::vector<ColumnKind> KindsOf(const std::string& text) {
  const TemporaryFile file(text);
  std::vector<ColumnKind> kinds;
  const std::vector<ColumnSchema> columns = InferColumns(file.path(), {}).value();
  for (const ColumnSchema& column : columns) kinds.push_back(column.kind);
  return kinds;
}

TEST(CellTest, MissingIsEmptyOrAQuestionMark) {
  EXPECT_TRUE(IsMissing(""));
  EXPECT_TRUE(IsMissing("?"));
  EXPECT_FALSE(IsMissing("NA"));
  EXPECT_FALSE(IsMissing("0"));
}

TEST(CellTest, NumbersAreFiniteAndWhole) {
  EXPECT_EQ(ParseNumber("-1.5e3"), -1500);
  EXPECT_EQ(ParseNumber("+7"), 7);
  for (const char* text : {"", "1x", "1,5", "nan", "inf", "-inf", "1e999", "0x", "--1"}) {
    EXPECT_EQ(ParseNumber(text), std::nullopt) << text;
  }
}

TEST(InferColumnsTest, OneTextMakesACategory) {
  EXPECT_THAT(KindsOf("a,b,c\n1,2,x\n3,?,\n,5,y\n4,six,7\n"),
              ElementsAre(ColumnKind::kNumber, ColumnKind::kCategory, ColumnKind::kCategory));
}

TEST(InferColumnsTest, RefusesAFileOfAHeaderAlone) {
  const TemporaryFile file("a,b\n");
  EXPECT_THAT(Message(InferColumns(file.path(), {}).status()),
              EndsWith("the file holds no rows but its header"));
}

TEST(InferColumnsTest, RefusesAStreamThatCannotBeReadTwice) {
  EXPECT_EQ(ExitCodeOf(InferColumns("-", {}).status()), ExitCode::kUsage);
}

TEST(FindColumnTest, PrefersTheNameToTheNumber) {
  const std::vector<ColumnSchema> columns = {
      {"x", ColumnKind::kNumber, 0}, {"1", ColumnKind::kNumber, 1}, {"y", ColumnKind::kNumber, 2}};
  EXPECT_EQ(FindColumn(columns, "y", "--target").value(), 2U);
  EXPECT_EQ(FindColumn(columns, "1", "--target").value(), 1U);
  EXPECT_EQ(FindColumn(columns, "3", "--target").value(), 2U);
}

TEST(FindColumnTest, RefusesWhatIsNeither) {
  const std::vector<ColumnSchema> columns = {{"x", ColumnKind::kNumber, 0}};
  for (const char* name : {"z", "0", "2", "-1", ""}) {
    const absl::Status status = FindColumn(columns, name, "--target").status();
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage);
    EXPECT_THAT(Message(status), HasSubstr("--target: no column is called"));
  }
}

class TableReaderTest : public testing::Test {
 protected:
  const TableSchema schema_ = {
      {{"c", ColumnKind::kCategory, 2}, {"a", ColumnKind::kNumber, 0}},
      ColumnSchema{"b", ColumnKind::kNumber, 1},
  };

  absl::StatusOr<Table> Read(const std::string& text) {
    const TemporaryFile file(text);
    return ReadTable(file.path(), {}, schema_);
  }
};

TEST_F(TableReaderTest, ReadsColumnsInTheSchemasOrder) {
  const Table table = Read("a,b,c\n1,10,x\n,20,?\n\n3,30,x\n4,40,\n").value();
  EXPECT_EQ(table.rows(), 4);
  EXPECT_THAT(table.lines, ElementsAre(2, 3, 5, 6));
  EXPECT_THAT(table.inputs[0].codes, ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(table.inputs[0].categories, ElementsAre("x", "?"));
  EXPECT_THAT(table.inputs[1].numbers, ElementsAre(1, IsNan(), 3, 4));
  EXPECT_THAT(table.target->numbers, ElementsAre(10, 20, 30, 40));
  EXPECT_THAT(ToString(table.PlaceOf(2, table.inputs[0])), EndsWith(":5:3"));
}

TEST_F(TableReaderTest, ReadsInBlocks) {
  const TemporaryFile file("a,b,c\n1,10,x\n2,20,y\n3,30,x\n");
  TableReader reader(CsvReader::Open(file.path(), {}).value(), schema_);
  EXPECT_EQ(reader.Read(2)->rows(), 2);
  const Table rest = reader.Read(2).value();
  EXPECT_THAT(rest.inputs[0].categories, ElementsAre("x"));
  EXPECT_THAT(rest.lines, ElementsAre(4));
  EXPECT_EQ(reader.Read(2)->rows(), 0);
}

TEST_F(TableReaderTest, NamesACellThatIsNoNumber) {
  const absl::Status status = Read("a,b,c\n1,10,x\ntwo,20,y\n").status();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadData);
  EXPECT_THAT(Message(status),
              EndsWith(":3:1: a holds numbers, and \"two\" is not a finite number"));
}

TEST_F(TableReaderTest, NamesATargetThatIsMissing) {
  EXPECT_THAT(Message(Read("a,b,c\n1,?,x\n").status()), EndsWith(":2:2: the target b is missing"));
}

}  // namespace
}  // namespace descent::cli
