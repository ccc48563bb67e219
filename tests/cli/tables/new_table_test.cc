#include "client/cli/tables/new_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "tests/cli/message.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsNan;

class NewTableTest : public testing::Test {
 protected:
  absl::StatusOr<NewTable> Read(const std::string& text) {
    const TemporaryFile file(text);
    options_.csv = file.path();
    return ReadNewTable(options_);
  }

  NewTableOptions options_;
};

// 20 rows "x,y" with a line of the caller's choice behind them, in line 22.
std::string NumbersAnd(const std::string& line) {
  std::string text = "x,y\n";
  for (int i = 0; i < 20; ++i) absl::StrAppend(&text, i * 0.5, ",", i * i, "\n");
  return text + line + "\n1,2\n";
}

TEST_F(NewTableTest, OneMissingWordLeavesAColumnOneOfNumbers) {
  for (const char* word : {"NA", "NaN", "null", "", "?", "None", "#N/A", "n/a", "<NA>", "NULL"}) {
    const NewTable read = Read(NumbersAnd(absl::StrCat(word, ",1"))).value();
    EXPECT_EQ(read.table.inputs[0].schema.kind, ColumnKind::kNumber) << word;
    EXPECT_THAT(read.table.inputs[0].numbers[20], IsNan()) << word;
    EXPECT_THAT(read.notes, IsEmpty()) << word;
  }
}

TEST_F(NewTableTest, OneTypoInNumbersIsAnErrorWithItsPlaceAndRemedies) {
  for (const char* slip : {"1O", "n.a.", "unknown", "12 kg", "1..5", "1/2", "2024-12-31"}) {
    const absl::Status status = Read(NumbersAnd(absl::StrCat(slip, ",1"))).status();
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kBadData) << slip;
    EXPECT_THAT(Message(status),
                AllOf(HasSubstr(absl::StrCat(":22:1: x: \"", slip, "\" is not a number")),
                      HasSubstr(absl::StrCat("--missing '", slip, "'")),
                      HasSubstr("--categorical x"), HasSubstr("--ignore x")));
  }
}

TEST_F(NewTableTest, AnInfiniteCellIsAnErrorWithItsPlace) {
  for (const char* cell : {"inf", "-inf", "Infinity", "1e999"}) {
    EXPECT_THAT(Message(Read(NumbersAnd(absl::StrCat(cell, ",1"))).status()),
                HasSubstr(absl::StrCat(":22:1: x: \"", cell, "\" is not finite")));
  }
}

TEST_F(NewTableTest, ATypoInANumericTargetIsAnErrorAndNeverAClass) {
  for (const bool forced : {false, true}) {
    if (forced) options_.target_kind = ColumnKind::kCategory;
    EXPECT_THAT(Message(Read(NumbersAnd("1,1O")).status()),
                HasSubstr(":22:2: y: \"1O\" is not a number"));
  }
}

TEST_F(NewTableTest, RowsWithoutATargetAreLeftOutAndCounted) {
  const NewTable read = Read(NumbersAnd("1,NA\n2,\n3,?")).value();
  EXPECT_EQ(read.table.rows(), 21);
  EXPECT_EQ(read.table.without_target.rows, 3);
  EXPECT_THAT(read.table.without_target.Text(),
              AllOf(HasSubstr("3 rows without a target"), EndsWith(":22:2")));
  EXPECT_EQ(read.table.target->schema.kind, ColumnKind::kNumber);
  EXPECT_THAT(Message(Read("x,y\n1,NA\n2,\n").status()), HasSubstr("the target y holds no value"));
}

TEST_F(NewTableTest, MissingWordsAreAddedAndTakenAway) {
  options_.file.missing = {"1O", "-999"};
  const NewTable read = Read(NumbersAnd("1O,1\n-999,1")).value();
  EXPECT_THAT(read.table.inputs[0].numbers[20], IsNan());
  EXPECT_THAT(read.table.inputs[0].numbers[21], IsNan());
  EXPECT_EQ(read.csv.cells.missing, options_.file.missing);
  options_.file.missing.clear();
  options_.file.not_missing = {"NA"};
  const NewTable countries = Read("country,y\nNA,1\nZA,2\n,3\n").value();
  EXPECT_THAT(countries.table.inputs[0].categories, ElementsAre("NA", "ZA", "?"));
}

TEST_F(NewTableTest, NoneAmongTextsIsAClass) {
  const NewTable read = Read("x,severity\n1,None\n2,Mild\n3,Severe\n4,NA\n").value();
  EXPECT_THAT(read.table.target->categories, ElementsAre("None", "Mild", "Severe"));
  EXPECT_EQ(read.table.without_target.rows, 1);
}

TEST_F(NewTableTest, CategoricalColumnsAreMeantAsTheyAre) {
  options_.categorical = {"x"};
  const NewTable read = Read(NumbersAnd("1O,1")).value();
  EXPECT_EQ(read.table.inputs[0].schema.kind, ColumnKind::kCategory);
  EXPECT_EQ(read.table.inputs[0].categories.size(), 21U);
  options_.categorical = {"z"};
  EXPECT_EQ(ExitCodeOf(Read(NumbersAnd("1,1")).status()), ExitCode::kUsage);
}

TEST_F(NewTableTest, IgnoredColumnsMayHoldAnything) {
  options_.ignored = {"x"};
  EXPECT_THAT(Message(Read(NumbersAnd("1O,1")).status()), HasSubstr("no column is left"));
  EXPECT_TRUE(Read("x,z,y\n1,2,3\n2,3,4\nO,4,5\n").ok());
}

TEST_F(NewTableTest, TextsAmongFewNumbersStayTexts) {
  const NewTable read = Read("t,y\na,1\nb,2\n7,3\nc d,4\n").value();
  EXPECT_THAT(read.table.inputs[0].categories, ElementsAre("a", "b", "7", "c d"));
}

TEST_F(NewTableTest, AWordInMostCellsOfManyNumbersIsASlip) {
  std::string text = "x,y\n";
  for (int i = 0; i < 40; ++i)
    absl::StrAppend(&text, i % 5 < 3 ? "unknown" : absl::StrCat(i), ",1\n");
  EXPECT_THAT(Message(Read(text).status()), HasSubstr(":2:1: x: \"unknown\" is not a number"));
}

TEST_F(NewTableTest, DecimalCommasAreRecognisedAndSaid) {
  const NewTable read = Read("a;b;y\n-0,25;-9,71;1,5\n1,5;2;3\nNA;1,25;-1,75\n").value();
  EXPECT_EQ(read.csv.delimiter, ';');
  EXPECT_EQ(read.csv.cells.decimal, ',');
  EXPECT_THAT(read.table.inputs[0].numbers, ElementsAre(-0.25, 1.5, IsNan()));
  EXPECT_THAT(read.table.target->numbers, ElementsAre(1.5, 3, -1.75));
  EXPECT_THAT(read.notes, ElementsAre(AllOf(HasSubstr("a semicolon stands between fields"),
                                            HasSubstr("numbers have a decimal comma"))));
}

TEST_F(NewTableTest, ThousandsAreRecognised) {
  EXPECT_THAT(Read("a,y\n\"10,026\",1\n\"1,234,567.5\",2\n12,3\n")->table.inputs[0].numbers,
              ElementsAre(10026, 1234567.5, 12));
  EXPECT_THAT(Read("a;y\n10.026,5;1\n1.234.567;2\n12;3\n")->table.inputs[0].numbers,
              ElementsAre(10026.5, 1234567, 12));
}

TEST_F(NewTableTest, SpacesAndApostrophesBetweenThousandsAreRecognisedAndSaid) {
  struct Case {
    const char* first;
    const char* second;
    const char* note;
  };
  for (const Case& c : {Case{"1 234,5", "12 345 678", "a decimal comma and a space between"},
                        {"1\xE2\x80\xAF"
                         "234,5",
                         "\xE2\x88\x92"
                         "12\xC2\xA0"
                         "345",
                         "a decimal comma and a space between"},
                        {"1 234.5", "7", "a space between thousands"},
                        {"1'234.5",
                         "2\xE2\x80\x99"
                         "345'678",
                         "\"'\" between thousands"}}) {
    const NewTable read =
        Read(absl::StrCat("x;y\n", c.first, ";1\n", c.second, ";2\n", c.first, ";3\n")).value();
    EXPECT_EQ(read.table.inputs[0].schema.kind, ColumnKind::kNumber) << c.first;
    EXPECT_EQ(read.table.inputs[0].numbers[0], 1234.5) << c.first;
    EXPECT_THAT(read.notes, Contains(HasSubstr(c.note)));
  }
}

TEST_F(NewTableTest, AMinusOfItsOwnIsOne) {
  const NewTable read = Read(
                            "x,y\n\xE2\x88\x92"
                            "1.5,1\n2,3\n\xE2\x88\x92"
                            "4,5\n")
                            .value();
  EXPECT_THAT(read.table.inputs[0].numbers, ElementsAre(-1.5, 2, -4));
}

TEST_F(NewTableTest, TheRowNamesOfWriteTableAreLeftOut) {
  const NewTable read =
      Read("\"a\" \"b\"\n\"one\" 1.5 \"u\"\n\"two\" 2.5 \"v\"\n\"three\" 3.5 \"u\"\n").value();
  ASSERT_EQ(read.table.inputs.size(), 1U);
  EXPECT_THAT(read.table.inputs[0].numbers, ElementsAre(1.5, 2.5, 3.5));
  EXPECT_EQ(read.table.target->schema.name, "b");
  EXPECT_THAT(read.notes, AllOf(Contains(HasSubstr("a space stands between fields")),
                                Contains(HasSubstr("says which row it is and is left out"))));
}

TEST_F(NewTableTest, ExcelsFirstLineSaysTheDelimiter) {
  const NewTable read = Read("sep=:\nx:y\n1:2\n3:4\n").value();
  EXPECT_EQ(read.csv.delimiter, ':');
  EXPECT_THAT(read.table.inputs[0].numbers, ElementsAre(1, 3));
  EXPECT_THAT(read.table.lines, ElementsAre(3, 4));
  EXPECT_THAT(Message(Read("sep=;\nx;y\n1;2\n1O;2\n3;4\n").status()), HasSubstr(":4:1: x: \"1O\""));
}

TEST_F(NewTableTest, ATitleAboveTheTableIsAnErrorThatNamesTheHeadersLine) {
  // As it is, and filled up with fields that hold nothing.
  for (const char* title : {"Sales\n", "Sales of 2024,,\n", "Sales\n\n", ",Sales,\n"}) {
    const std::string text = absl::StrCat(title, "shop,region,price\n1,north,2\n2,south,3\n");
    const int line = absl::StrContains(title, "\n\n") ? 3 : 2;
    const std::string message = Message(Read(text).status());
    EXPECT_THAT(message, HasSubstr(absl::StrCat(options_.csv, ":", line, ":"))) << title;
    EXPECT_THAT(message, HasSubstr(absl::StrCat("tail -n +", line))) << title;
  }
  options_.file.header = true;
  EXPECT_TRUE(Read("Sales,,\nshop,north,b\nmarket,south,c\n").ok());
}

TEST_F(NewTableTest, WhatMayBeADecimalCommaOrThousandsIsAskedFor) {
  const std::string text = "a;y\n1,234;1\n5,678;2\n";
  EXPECT_THAT(Message(Read(text).status()),
              AllOf(HasSubstr(":2:1: a: \"1,234\""), HasSubstr("--thousands , or --decimal ,")));
  options_.file.decimal = ',';
  EXPECT_THAT(Read(text)->table.inputs[0].numbers, ElementsAre(1.234, 5.678));
  options_.file.decimal.reset();
  options_.file.thousands = ',';
  EXPECT_THAT(Read(text)->table.inputs[0].numbers, ElementsAre(1234, 5678));
  options_.file.decimal = ',';
  EXPECT_EQ(ExitCodeOf(Read(text).status()), ExitCode::kUsage);
}

TEST_F(NewTableTest, NumbersOfAnotherWritingThanTheFilesAreAnError) {
  EXPECT_THAT(Message(Read("a;b;y\n1.5;1,5;1\n2.5;2,5;1\n3.5;3,5;1\n4.5;1;1\n").status()),
              AllOf(HasSubstr(":2:2: b: \"1,5\" is a number only with"), HasSubstr("--decimal ,")));
}

TEST_F(NewTableTest, PercentAndCurrencySignsAreTakenIfAllHaveThem) {
  const NewTable read = Read("p,c,y\n5%,$1,1\n-3.5 %,\"$1,200.50\",2\nNA,$3,3\n").value();
  EXPECT_THAT(read.table.inputs[0].numbers, ElementsAre(5, -3.5, IsNan()));
  EXPECT_EQ(read.table.inputs[0].schema.unit, "%");
  EXPECT_THAT(read.table.inputs[1].numbers, ElementsAre(1, 1200.5, 3));
  EXPECT_THAT(Message(Read("p,y\n5%,1\n0.05,2\n7%,3\n").status()),
              HasSubstr(":3:1: p: \"0.05\" is not written with % as those before it are"));
  EXPECT_THAT(Message(Read("p,y\n$5,1\n€5,2\n").status()), HasSubstr(":3:1: p: \"€5\""));
}

TEST_F(NewTableTest, NumbersWithAUnitOfMeasureAreAnErrorUnlessTheyAreFew) {
  std::string text = "w,y\n";
  for (int i = 0; i < 12; ++i) absl::StrAppend(&text, i, " kg,1\n");
  EXPECT_THAT(Message(Read(text).status()), HasSubstr(":2:1: w: \"0 kg\" is a number with \"kg\""));
  EXPECT_THAT(Read("grade,y\n10th,1\n11th,2\n12th,3\n")->table.inputs[0].categories,
              ElementsAre("10th", "11th", "12th"));
}

TEST_F(NewTableTest, ADelimiterAtTheEndOfLinesMakesNoTarget) {
  EXPECT_EQ(Read("a,y,\n1,2,\n2,3,\n")->table.target->schema.name, "y");
}

TEST_F(NewTableTest, AFileOfOneColumnIsAskedForItsDelimiter) {
  EXPECT_THAT(Message(Read("a  b y\n1 2 3\n22  3 4\n").status()), HasSubstr("--delimiter says"));
  options_.file.delimiter = ' ';
  EXPECT_EQ(Read("a b y\n1 2 3\n2 3 4\n")->table.inputs.size(), 2U);
}

TEST_F(NewTableTest, EqualNumbersAreOneClass) {
  options_.target_kind = ColumnKind::kCategory;
  EXPECT_THAT(Read("x,y\n3,0\n1,1\n2,1.0\n5,+1\n4, 1\n6,1e0\n")->table.target->categories,
              ElementsAre("0", "1"));
  // What is written like a name is none: 007 is not 7, and long ones are more than a number keeps.
  EXPECT_THAT(Read("x,y\n3,007\n1,7\n")->table.target->categories, ElementsAre("007", "7"));
  EXPECT_THAT(Read("x,y\n3,9007199254740993\n1,9007199254740992\n")->table.target->categories,
              ElementsAre("9007199254740993", "9007199254740992"));
}

TEST_F(NewTableTest, AnUnnamedColumnOfRowNumbersIsLeftOutAndSaid) {
  for (const char* name : {"", "Unnamed: 0"}) {
    const NewTable read = Read(absl::StrCat(name, ",a,y\n0,5,1\n1,5,2\n2,7,3\n")).value();
    ASSERT_EQ(read.table.inputs.size(), 1U) << name;
    EXPECT_EQ(read.table.inputs[0].schema.name, "a");
    EXPECT_THAT(read.notes, ElementsAre(HasSubstr("says which row it is and is left out")));
  }
  // In any order, and texts as R writes them; but not what repeats.
  EXPECT_EQ(Read(",a,y\n7,5,1\n3,5,2\n5,7,3\n")->table.inputs.size(), 1U);
  EXPECT_EQ(Read("\"\",\"a\",\"y\"\n\"Fiat\",5,1\n\"Audi\",5,2\n")->table.inputs.size(), 1U);
  EXPECT_EQ(Read(",a,y\n1,5,1\n1,5,2\n2,7,3\n")->table.inputs.size(), 2U);
  options_.categorical = {"1"};
  EXPECT_EQ(Read(",a,y\n0,5,1\n1,5,2\n")->table.inputs.size(), 2U);
}

TEST_F(NewTableTest, AHeaderOfNumbersBehindAnUnnamedColumnIsAccepted) {
  const NewTable read = Read(",0,1,2,3\n0,5.5,6,7,1\n1,2,3,4,2\n2,2,3,4,3\n").value();
  EXPECT_TRUE(read.csv.header);
  ASSERT_EQ(read.table.inputs.size(), 3U);
  EXPECT_EQ(read.table.inputs[0].schema.name, "0");
  EXPECT_EQ(read.table.target->schema.name, "3");
}

TEST_F(NewTableTest, ANumberThatIsANameIsTheNameAndSaidToBe) {
  options_.target = "4";
  const NewTable read = Read("a,b,4,c\n1,2,3,5\n2,3,4,6\n").value();
  EXPECT_EQ(read.table.target->schema.field, 2);
  EXPECT_THAT(read.notes, Contains(HasSubstr("--target 4: the column of that name")));
  options_.target = "2";
  EXPECT_EQ(Read("a,b,4,c\n1,2,3,5\n")->table.target->schema.name, "b");
}

TEST_F(NewTableTest, AFileWithoutAHeaderIsRecognisedAndSaid) {
  const NewTable read = Read("0,0,5,1\n0,3,9,0\n0,7,1,1\n").value();
  EXPECT_FALSE(read.csv.header);
  EXPECT_EQ(read.table.rows(), 3);
  EXPECT_THAT(read.notes, Contains(HasSubstr("--header says that it names them")));
  options_.file.header = true;
  EXPECT_EQ(Read("0,0,5,1\n0,3,9,0\n0,7,1,1\n")->table.rows(), 2);
}

TEST_F(NewTableTest, DatesBecomeNumbersAndCycles) {
  const NewTable read =
      Read("when,day,y\n2024-07-01 06:00,2024-07-01,1\n2024-07-02T18:00:00,2024-07-02,2\nNA,,3\n")
          .value();
  std::vector<std::string> names;
  for (const Column& column : read.table.inputs) names.push_back(FullName(column.schema));
  EXPECT_THAT(names, ElementsAre("when.days", "when.year_sin", "when.year_cos", "when.week_sin",
                                 "when.week_cos", "when.day_sin", "when.day_cos", "day.days",
                                 "day.year_sin", "day.year_cos", "day.week_sin", "day.week_cos"));
  EXPECT_THAT(read.table.inputs[0].numbers, ElementsAre(19905.25, 19906.75, IsNan()));
  EXPECT_THAT(read.notes, ElementsAre(HasSubstr("column when holds dates"),
                                      HasSubstr("column day holds dates")));
}

TEST_F(NewTableTest, DatesThatLeaveTheDayOpenAreRefusedWithAdvice) {
  EXPECT_THAT(Message(Read("when,y\n31/12/2024,1\n01/02/2024,2\n").status()),
              AllOf(HasSubstr(":2:1: when: \"31/12/2024\""), HasSubstr("2024-12-31"),
                    HasSubstr("--categorical when"), HasSubstr("--ignore when")));
  EXPECT_THAT(Message(Read("when,y\n2024-12-31,1\n2024-12-30,2\nsoon,3\n").status()),
              HasSubstr(":4:1: when: \"soon\" is not a date"));
  EXPECT_THAT(Message(Read("x,when\n1,2024-12-31\n2,2024-12-30\n").status()),
              HasSubstr("the target when holds dates"));
}

TEST_F(NewTableTest, AnEmptyColumnIsLeftOutAndSaid) {
  const NewTable read = Read("a,b,y\n1,,1\n2,NA,2\n").value();
  EXPECT_EQ(read.table.inputs.size(), 1U);
  EXPECT_THAT(read.notes, ElementsAre("column b holds nothing, and is left out"));
}

TEST_F(NewTableTest, TabsPipesAndSemicolonsAreFoundAndSaid) {
  for (const char* delimiter : {"\t", "|", ";"}) {
    const NewTable read =
        Read(absl::StrCat("a", delimiter, "y\n1", delimiter, "2\n3", delimiter, "4\n")).value();
    EXPECT_EQ(std::string(1, read.csv.delimiter), delimiter);
    EXPECT_THAT(read.notes, ElementsAre(HasSubstr("stands between fields")));
  }
}

TEST_F(NewTableTest, PlacesAreRightBehindLineEndsInQuotes) {
  EXPECT_THAT(Message(Read("t,x,y\n\"a\nb\",1,2\n\"c\r\nd\",2,3\ne,3,4\nf,1O,5\n").status()),
              HasSubstr(":7:2: x: \"1O\""));
}

TEST_F(NewTableTest, LongCellsAndNamesAreShortenedInMessages) {
  const std::string cell(16000, 'z');
  EXPECT_LT(Read(NumbersAnd(cell + ",1")).status().message().size(), 500U);
  EXPECT_LT(Read(cell + ",y\n1,2\n3,x\n4,5\n5,7\n").status().message().size(), 500U);
}

TEST_F(NewTableTest, RefusesAFileOfAHeaderAlone) {
  EXPECT_THAT(Message(Read("a,b\n").status()), EndsWith("the file holds no rows but its header"));
}

TEST_F(NewTableTest, ReadsAThousandColumns) {
  std::string text;
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&text, i == 0 ? "" : ",", "c", i);
  for (int row = 0; row < 20; ++row) {
    text += '\n';
    for (int i = 0; i < 1000; ++i) absl::StrAppend(&text, i == 0 ? "" : ",", row * i * 0.37);
  }
  EXPECT_EQ(Read(text)->table.inputs.size(), 999U);
}

TEST(FindColumnTest, PrefersTheNameToTheNumber) {
  const std::vector<std::string> columns = {"x", "1", "y"};
  EXPECT_EQ(FindColumn(columns, "y", "--target").value(), 2U);
  EXPECT_EQ(FindColumn(columns, "1", "--target").value(), 1U);
  EXPECT_EQ(FindColumn(columns, "3", "--target").value(), 2U);
}

TEST(FindColumnTest, RefusesWhatIsNeither) {
  for (const char* name : {"z", "0", "2", "-1", ""}) {
    const absl::Status status = FindColumn({"x"}, name, "--target").status();
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage);
    EXPECT_THAT(Message(status), HasSubstr("--target: no column is called"));
  }
}

TEST_F(NewTableTest, EmbedsColumnsOfCategories) {
  const std::string text = "shop,zip,x,y\na,01,1,1\nb,2,2,2\n?,3,3,3\na,4,4,4\n";
  options_.embedded = {"shop:8"};
  const NewTable read = Read(text).value();
  ASSERT_TRUE(read.table.inputs[0].schema.embed.has_value());
  EXPECT_EQ(read.table.inputs[0].schema.embed->dimension, 8);
  EXPECT_FALSE(read.table.inputs[0].schema.embed->buckets.has_value());
  EXPECT_THAT(read.table.inputs[0].categories, ElementsAre("a", "b", "?"));
  EXPECT_FALSE(read.table.inputs[2].schema.embed.has_value());
  options_.categorical = {"x"};
  options_.embedded = {"1", "x"};
  EXPECT_TRUE(Read(text)->table.inputs[2].schema.embed.has_value());
}

TEST_F(NewTableTest, RefusesToEmbedWhatIsNoCategory) {
  const std::string text =
      "shop,empty,x,day,slip,y\na,,1,2024-01-01,1,1\nb,,2,2024-01-02,2,2\na,,3,2024-01-03,1O,3\n";
  struct Case {
    std::vector<std::string> embedded;
    const char* message;
    ExitCode code = ExitCode::kUsage;
  };
  options_.ignored = {"slip"};
  for (const Case& each : std::vector<Case>{
           {{"x"},
            "--embed: expected a column of categories, and x holds numbers; with "
            "--categorical x as well"},
           {{"x:4"}, "x holds numbers"},
           {{"day"}, "day holds dates"},
           {{"y"}, "--embed: the target can't be embedded"},
           {{"empty"}, "--embed: empty holds nothing"},
           {{"slip"}, "--embed: slip can't be learnt from and left out by --ignore"},
           {{"shop", "1:4"}, "--embed: shop is given twice"},
           {{"shop:0"}, "got \"0\""},
           {{"none"}, "--embed: no column is called \"none\""},
       }) {
    options_.embedded = each.embedded;
    const absl::Status status = Read(text).status();
    EXPECT_EQ(ExitCodeOf(status), each.code) << status;
    EXPECT_THAT(Message(status), HasSubstr(each.message));
  }
  options_.ignored.clear();
  options_.embedded = {"slip"};
  EXPECT_THAT(Message(Read(text).status()), HasSubstr(":4:5: slip: \"1O\" is not a number"));
}

}  // namespace
}  // namespace descent::cli
