#include "client/cli/encoding/encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/encoding/batches.h"
#include "client/cli/tables/new_table.h"
#include "client/cli/tables/table_reader.h"
#include "client/cli/text/csv_reader.h"
#include "client/descent/tensor.h"
#include "tests/cli/message.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Pointee;

auto Near(double value) { return testing::FloatNear(static_cast<float>(value), 1e-6F); }

auto NearTarget(double value) { return testing::DoubleNear(value, 1e-6); }

// A table as the command reads it, its last column being the target.
Table TableOf(const std::string& text, ColumnKind target) {
  const TemporaryFile file(text);
  NewTableOptions options;
  options.csv = file.path();
  options.target_kind = target;
  return ReadNewTable(options).value().table;
}

std::vector<int64_t> AllRows(const Table& table) {
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < table.rows(); ++i) rows.push_back(i);
  return rows;
}

Encoding Fit(const Table& table, TargetForm form) {
  Encoding encoding = FitEncoding(table, AllRows(table), form).value();
  encoding.fields = static_cast<int64_t>(table.inputs.size()) + 1;
  return encoding;
}

Dataset EncodeAll(const Encoding& encoding, const Table& table) {
  UnknownCategories unknown;
  Dataset dataset = Encode(encoding, table, {}, &unknown).value();
  EXPECT_EQ(unknown.cells, 0);
  return dataset;
}

// Row after row, as a network gets them.
std::vector<float> InputsOf(const Dataset& dataset) {
  const v1::Tensor inputs = GatherInputs(dataset, cli::AllRows(dataset.rows));
  return client::TensorValues<float>(inputs).value();
}

TEST(EncodingTest, StandardisesNumbersWithTheirMedianForMissingOnes) {
  const Table table = TableOf("x,y\n1,0\n?,1\n2,2\n10,3\n", ColumnKind::kNumber);
  const Encoding encoding = Fit(table, TargetForm::kStandardized);
  // 1, 2, 2, 10: median 2 of the three that are there, mean 3.75, variance 13.1875.
  const auto& number = std::get<NumberEncoding>(encoding.inputs[0].values);
  EXPECT_EQ(number.median, 2);
  EXPECT_EQ(number.standardization.mean, 3.75);
  EXPECT_DOUBLE_EQ(number.standardization.scale, std::sqrt(13.1875));

  const Dataset dataset = EncodeAll(encoding, table);
  EXPECT_EQ(dataset.features, 1);
  const double scale = std::sqrt(13.1875);
  EXPECT_THAT(InputsOf(dataset), ElementsAre(Near(-2.75 / scale), Near(-1.75 / scale),
                                             Near(-1.75 / scale), Near(6.25 / scale)));
  const double target_scale = std::sqrt(1.25);
  EXPECT_THAT(dataset.targets,
              ElementsAre(NearTarget(-1.5 / target_scale), NearTarget(-0.5 / target_scale),
                          NearTarget(0.5 / target_scale), NearTarget(1.5 / target_scale)));
}

TEST(EncodingTest, TakesTheMeanOfTheTwoInTheMiddleForAMedian) {
  const Table table = TableOf("x,y\n1,0\n4,1\n2,2\n10,3\n", ColumnKind::kNumber);
  const Encoding encoding = Fit(table, TargetForm::kStandardized);
  EXPECT_EQ(std::get<NumberEncoding>(encoding.inputs[0].values).median, 3);
}

TEST(EncodingTest, OnlyShiftsAConstantColumn) {
  const Table table = TableOf("x,y\n0.1,0\n0.1,1\n0.1,2\n", ColumnKind::kNumber);
  EXPECT_THAT(InputsOf(EncodeAll(Fit(table, TargetForm::kStandardized), table)),
              ElementsAre(Near(0), Near(0), Near(0)));
}

TEST(EncodingTest, GivesEachCategoryAnInput) {
  const Table table = TableOf("c,y\nb,0\na,1\n?,2\nb,3\n,4\n", ColumnKind::kNumber);
  const Encoding encoding = Fit(table, TargetForm::kUnscaled);
  EXPECT_THAT(std::get<CategoryEncoding>(encoding.inputs[0].values).categories,
              ElementsAre("?", "a", "b"));
  const Dataset dataset = EncodeAll(encoding, table);
  EXPECT_EQ(dataset.features, 3);
  EXPECT_THAT(InputsOf(dataset), ElementsAre(0, 0, 1,  //
                                             0, 1, 0,  //
                                             1, 0, 0,  //
                                             0, 0, 1,  //
                                             1, 0, 0));
  EXPECT_THAT(dataset.targets, ElementsAre(0, 1, 2, 3, 4));
}

TEST(EncodingTest, UnknownCategoriesAreAllZerosAndCounted) {
  const Table table = TableOf("c,y\nb,0\na,1\nd,2\ne,2\n", ColumnKind::kNumber);
  const Encoding encoding = FitEncoding(table, {0, 1}, TargetForm::kUnscaled).value();
  UnknownCategories unknown;
  const Dataset dataset = Encode(encoding, table, {}, &unknown).value();
  EXPECT_THAT(InputsOf(dataset), ElementsAre(0, 1, 1, 0, 0, 0, 0, 0));
  EXPECT_EQ(unknown.cells, 2);
  EXPECT_EQ(unknown.example, "d");
  EXPECT_THAT(ToString(unknown.first), EndsWith(":4:1"));
}

TEST(EncodingTest, LearnsFromTheTrainingRowsAlone) {
  const Table table = TableOf("x,y\n1,0\n3,2\n1000,1e6\n", ColumnKind::kNumber);
  const Encoding encoding = FitEncoding(table, {0, 1}, TargetForm::kStandardized).value();
  const auto& number = std::get<NumberEncoding>(encoding.inputs[0].values);
  EXPECT_EQ(number.standardization.mean, 2);
  EXPECT_EQ(number.standardization.scale, 1);
  EXPECT_EQ(std::get<Standardization>(encoding.target.values).mean, 1);
}

TEST(EncodingTest, ClassesAreTheSortedValuesOfTheWholeTable) {
  const Table table = TableOf("x,y\n1,no\n2,yes\n3,maybe\n", ColumnKind::kCategory);
  const Encoding encoding = FitEncoding(table, {0, 1}, TargetForm::kClass).value();
  EXPECT_THAT(encoding.target.classes(), Pointee(ElementsAre("maybe", "no", "yes")));
  EXPECT_THAT(EncodeAll(encoding, table).targets, ElementsAre(1, 2, 0));
}

TEST(EncodingTest, NumericClassesAreSortedByValue) {
  const Table table = TableOf("x,y\n1,10\n2,9\n3,-1\n", ColumnKind::kCategory);
  const Encoding encoding = Fit(table, TargetForm::kClass);
  EXPECT_THAT(encoding.target.classes(), Pointee(ElementsAre("-1", "9", "10")));
}

TEST(EncodingTest, RefusesAClassItDoesNotKnow) {
  const Encoding encoding =
      Fit(TableOf("x,y\n1,no\n2,yes\n", ColumnKind::kCategory), TargetForm::kClass);
  UnknownCategories unknown;
  const absl::Status status =
      Encode(encoding, TableOf("x,y\n1,yes\n2,perhaps\n", ColumnKind::kCategory), {}, &unknown)
          .status();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadData);
  EXPECT_THAT(Message(status),
              EndsWith(":3:2: \"perhaps\" is no class of y, which is one of no, yes"));
}

TEST(EncodingTest, NamesFewOfManyClasses) {
  std::string text = "x,y\n";
  for (int i = 0; i < 900; ++i) absl::StrAppend(&text, "1,class", 100 + i, "\n");
  const Encoding encoding = Fit(TableOf(text, ColumnKind::kCategory), TargetForm::kClass);
  UnknownCategories unknown;
  const absl::Status status =
      Encode(encoding,
             TableOf(absl::StrCat("x,y\n1,", std::string(5000, 'z'), "\n"), ColumnKind::kCategory),
             {}, &unknown)
          .status();
  EXPECT_THAT(Message(status),
              EndsWith("...\" is no class of y, which is one of class100, class101, "
                       "class102, class103, class104, ... (900)"));
  EXPECT_LT(status.message().size(), 250U);
}

TEST(EncodingTest, ComparesNumbersAsNumbers) {
  const Encoding encoding = PlainEncoding(1, 3, 1);
  const Table table = TableOf("x,y\n1,2.0\n1,0\n1,1e0\n", ColumnKind::kCategory);
  EXPECT_THAT(EncodeAll(encoding, table).targets, ElementsAre(2, 0, 1));
}

TEST(EncodingTest, RefusesWhatCannotBeLearnt) {
  const auto message = [](const std::string& text, ColumnKind target, TargetForm form) {
    const Table table = TableOf(text, target);
    const absl::Status status = FitEncoding(table, AllRows(table), form).status();
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadData);
    return std::string(status.message());
  };
  EXPECT_THAT(message("x,y\n1,a\n2,a\n", ColumnKind::kCategory, TargetForm::kClass),
              EndsWith("the target y has one value only, nothing to tell apart"));
  std::string names = "name,y\n";
  for (int i = 0; i <= 1000; ++i) absl::StrAppend(&names, "n", i, ",1\n");
  EXPECT_THAT(message(names, ColumnKind::kNumber, TargetForm::kStandardized),
              HasSubstr("column name holds 1001 different texts"));
}

TEST(EncodingTest, RefusesAColumnWithoutAValueInItsRows) {
  const Table table = TableOf("x,y\n?,1\n,2\n3,3\n", ColumnKind::kNumber);
  EXPECT_THAT(Message(FitEncoding(table, {0, 1}, TargetForm::kStandardized).status()),
              EndsWith("column x holds no value; leave it out with --ignore"));
}

TEST(EncodingTest, RefusesNumbersThatOverflow) {
  const Table table = TableOf("x,y\n0,1\n1e-30,2\n1e30,3\n", ColumnKind::kNumber);
  const Encoding encoding = FitEncoding(table, {0, 1}, TargetForm::kStandardized).value();
  UnknownCategories unknown;
  EXPECT_THAT(Message(Encode(encoding, table, {}, &unknown).status()),
              EndsWith(":4:1: x is 1e+30, too far from the others for float32"));
}

TEST(PlainEncodingTest, LeavesNumbersAsTheyAre) {
  const Encoding encoding = PlainEncoding(2, 0, 2);
  const Table table = TableOf("a,b,y\n1,2,3\n-4,5,6\n", ColumnKind::kNumber);
  const Dataset dataset = EncodeAll(encoding, table);
  EXPECT_THAT(InputsOf(dataset), ElementsAre(1, 2, -4, 5));
  EXPECT_THAT(dataset.targets, ElementsAre(3, 6));
}

TEST(PlainEncodingTest, PutsNothingInThePlaceOfAMissingCell) {
  UnknownCategories unknown;
  const absl::Status status =
      Encode(PlainEncoding(1, 0, 1), TableOf("a,y\n1,2\n?,3\n", ColumnKind::kNumber), {}, &unknown)
          .status();
  EXPECT_THAT(Message(status), HasSubstr(":3:1: a is missing"));
}

TEST(PlainEncodingTest, NumbersItsClasses) {
  const Encoding encoding = PlainEncoding(1, 3, 0);
  EXPECT_THAT(encoding.target.classes(), Pointee(ElementsAre("0", "1", "2")));
  EXPECT_EQ(encoding.inputs[0].field, 1);
}

// An encoding of a file "a,y,b,id" that left `id` out: y is the target.
class SchemaForTest : public testing::Test {
 protected:
  SchemaForTest() {
    encoding_.fields = 4;
    encoding_.inputs = {{"a", 0, NumberEncoding{}}, {"b", 2, CategoryEncoding{{"u", "v"}}}};
    encoding_.target = {"y", 1, Standardization{}};
  }

  absl::StatusOr<TableSchema> Schema(const std::string& text, bool header, bool with_target) {
    const TemporaryFile file(text);
    const CsvReader reader = CsvReader::Open(file.path(), {.header = header}).value();
    return SchemaFor(encoding_, reader, header, with_target);
  }

  std::vector<int64_t> Fields(const std::string& text, bool header, bool with_target) {
    const TableSchema schema = Schema(text, header, with_target).value();
    std::vector<int64_t> fields;
    for (const ColumnSchema& input : schema.inputs) fields.push_back(input.field);
    if (schema.target.has_value()) fields.push_back(schema.target->field);
    return fields;
  }

  Encoding encoding_;
};

TEST_F(SchemaForTest, FindsColumnsByName) {
  EXPECT_THAT(Fields("b,more,a\nu,1,2\n", true, false), ElementsAre(2, 0));
  EXPECT_THAT(Fields("y,b,a\n1,u,2\n", true, true), ElementsAre(2, 1, 0));
}

TEST_F(SchemaForTest, NamesAColumnThatIsMissing) {
  EXPECT_THAT(Message(Schema("a,c\n1,2\n", true, false).status()),
              EndsWith(":1: no column is called \"b\", which the model was trained with"));
  EXPECT_THAT(Message(Schema("a,b\n1,2\n", true, true).status()), HasSubstr("called \"y\""));
}

TEST_F(SchemaForTest, FindsColumnsByPositionWithoutAHeader) {
  EXPECT_THAT(Fields("1,2,u,9\n", false, true), ElementsAre(0, 2, 1));
  EXPECT_THAT(Fields("1,2,u,9\n", false, false), ElementsAre(0, 2));
  EXPECT_THAT(Fields("1,u,9\n", false, false), ElementsAre(0, 1));  // no target
  EXPECT_THAT(Fields("1,u\n", false, false), ElementsAre(0, 1));    // nor what was left out
}

TEST_F(SchemaForTest, FindsColumnsByPositionIfTheEncodingHasNoNames) {
  encoding_.named = false;
  EXPECT_THAT(Fields("p,q\n1,u\n", true, false), ElementsAre(0, 1));
}

TEST_F(SchemaForTest, RefusesAnotherNumberOfFields) {
  EXPECT_THAT(Message(Schema("1\n", false, false).status()),
              EndsWith(":1: expected 2 inputs, or 4 with the target fields, got 1"));
  EXPECT_THAT(Message(Schema("1,u\n", false, true).status()),
              EndsWith(":1: expected 4 fields, got 2"));
}

// The texts of the column that is embedded, row after row.
std::vector<std::string> TextsOf(const Dataset& dataset) {
  const auto categories = GatherCategories(dataset, cli::AllRows(dataset.rows));
  EXPECT_EQ(categories.size(), 1);
  const auto& texts = categories.at(0).strings().values();
  return {texts.begin(), texts.end()};
}

Table EmbeddedTable(const std::string& text) {
  const TemporaryFile file(text);
  NewTableOptions options;
  options.csv = file.path();
  options.categorical = {"c"};
  options.embedded = {"c"};
  return ReadNewTable(options).value().table;
}

TEST(EncodingTest, GivesAnEmbeddedColumnsTextsAsTheyAre) {
  const Table table = EmbeddedTable("c,x,y\nb b,1,0\na,2,1\n?,3,2\nb b,4,3.5\nNA,5,4\n");
  const Encoding encoding = Fit(table, TargetForm::kUnscaled);
  const auto& embedded = std::get<EmbeddedEncoding>(encoding.inputs[0].values);
  EXPECT_EQ(embedded.input, "c");
  EXPECT_EQ(embedded.dimension, 3);  // 1.6 3^0.56 = 2.96
  EXPECT_EQ(embedded.buckets, 1024);
  EXPECT_FALSE(embedded.numeric);
  EXPECT_EQ(encoding.features(), 1);
  const Dataset dataset = EncodeAll(encoding, table);
  EXPECT_EQ(dataset.features, 1);
  EXPECT_EQ(InputsOf(dataset).size(), 5U);
  EXPECT_THAT(TextsOf(dataset), ElementsAre("b b", "a", "?", "b b", "?"));
  // A category that was not there is sent like the others.
  EXPECT_THAT(TextsOf(EncodeAll(encoding, EmbeddedTable("c,x,y\nnew,1,0.5\n"))),
              ElementsAre("new"));
}

TEST(EncodingTest, EqualNumbersAreOneTextHoweverTheyAreSpelled) {
  const Table table = EmbeddedTable("c,x,y\n1,1,0\n1.0,2,1\n+1,3,2\n1e0,4,3.5\n,5,4\n20,6,5\n");
  const Encoding encoding = Fit(table, TargetForm::kUnscaled);
  EXPECT_TRUE(std::get<EmbeddedEncoding>(encoding.inputs[0].values).numeric);
  EXPECT_THAT(TextsOf(EncodeAll(encoding, table)), ElementsAre("1", "1", "1", "1", "?", "20"));
  // In a later file too, which has none that decides it.
  const TemporaryFile later("c,x,y\n2.0e1,1,0\nx1,2,0\n007,1,1\n");
  const TableSchema schema =
      SchemaFor(encoding, CsvReader::Open(later.path(), {}).value(), true, true).value();
  EXPECT_THAT(TextsOf(EncodeAll(encoding, ReadTable(later.path(), {}, schema).value())),
              ElementsAre("20", "x1", "7"));
}

TEST(EncodingTest, TellsWhereAnInputStandsBehindAnEmbeddedColumn) {
  const Table table = EmbeddedTable("c,x,y\na,1,0\nb,2,1\n");
  const Dataset dataset = EncodeAll(Fit(table, TargetForm::kUnscaled), table);
  EXPECT_EQ(dataset.ColumnOf(0).name, "x");
}

TEST(EncodingTest, CountsCategoriesOfTheRowsToLearnFromAlone) {
  std::string text = "c,x,y\n";
  for (int i = 0; i < 600; ++i) absl::StrAppend(&text, "c", i, ",", i, ",", i, "\n");
  const Table table = EmbeddedTable(text);
  const Encoding all = Fit(table, TargetForm::kUnscaled);
  EXPECT_EQ(std::get<EmbeddedEncoding>(all.inputs[0].values).buckets, 16384);
  const Encoding few = FitEncoding(table, {0, 1, 2}, TargetForm::kUnscaled).value();
  EXPECT_EQ(std::get<EmbeddedEncoding>(few.inputs[0].values).buckets, 1024);
}

}  // namespace
}  // namespace descent::cli
