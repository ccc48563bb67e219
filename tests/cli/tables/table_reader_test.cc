#include "client/cli/tables/table_reader.h"

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
  TableReader reader(std::make_unique<CsvReader>(CsvReader::Open(file.path(), {}).value()), schema_,
                     {});
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

TEST_F(TableReaderTest, LeavesOutAndCountsRowsWithoutATarget) {
  const Table table = Read("a,b,c\n1,?,x\n2,20,y\n3,NA,x\n4,,y\n").value();
  EXPECT_THAT(table.lines, ElementsAre(3));
  EXPECT_THAT(table.inputs[1].numbers, ElementsAre(2));
  EXPECT_EQ(table.without_target.rows, 3);
  EXPECT_THAT(ToString(table.without_target.first), EndsWith(":2:2"));
}

TEST_F(TableReaderTest, ReadsEqualNumbersAsOneCategory) {
  const TemporaryFile file("a,b\n1,1.0\n 1,0\n+1,1e0\nNA,-0.0\n1.50,1\n");
  const TableSchema schema = {
      {{"a", ColumnKind::kCategory, 0, "", DatePart::kNone, true}},
      ColumnSchema{"b", ColumnKind::kCategory, 1, "", DatePart::kNone, true}};
  const Table table = ReadTable(file.path(), {}, schema).value();
  EXPECT_THAT(table.inputs[0].categories, ElementsAre("1", "?", "1.5"));
  EXPECT_THAT(table.target->categories, ElementsAre("1", "0"));
  EXPECT_THAT(table.target->codes, ElementsAre(0, 1, 0, 1, 0));
}

TEST_F(TableReaderTest, ReadsUnitsWhereTheSchemaHasThem) {
  const TableSchema schema = {{{"a", ColumnKind::kNumber, 0, "%"}}, std::nullopt};
  const TemporaryFile file("a\n5%\n-1.5 %\nNA\n");
  EXPECT_THAT(ReadTable(file.path(), {}, schema)->inputs[0].numbers, ElementsAre(5, -1.5, IsNan()));
  const TemporaryFile bare("a\n5%\n0.05\n");
  EXPECT_THAT(Message(ReadTable(bare.path(), {}, schema).status()),
              EndsWith(":3:1: a holds numbers with %, not \"0.05\""));
}

TEST_F(TableReaderTest, ReadsPartsOfDates) {
  const TableSchema schema = {{{"a", ColumnKind::kNumber, 0, "", DatePart::kDays},
                               {"a", ColumnKind::kNumber, 0, "", DatePart::kDaySin}},
                              std::nullopt};
  const TemporaryFile file("a\n1970-01-02T06:00Z\n\"\"\n");
  const Table table = ReadTable(file.path(), {}, schema).value();
  EXPECT_THAT(table.inputs[0].numbers, ElementsAre(1.25, IsNan()));
  EXPECT_THAT(table.inputs[1].numbers, ElementsAre(testing::DoubleNear(1, 1e-12), IsNan()));
  EXPECT_EQ(FullName(schema.inputs[1]), "a.day_sin");
  const TemporaryFile bad("a\nyesterday\n");
  EXPECT_THAT(Message(ReadTable(bad.path(), {}, schema).status()),
              EndsWith(":2:1: a holds dates, and \"yesterday\" is none such as 2024-12-31"));
}

TEST_F(TableReaderTest, ShortensCellsInMessages) {
  const std::string cell(16000, 'x');
  EXPECT_LT(Read("a,b,c\n" + cell + ",1,x\n").status().message().size(), 200U);
}

}  // namespace
}  // namespace descent::cli
