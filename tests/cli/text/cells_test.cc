#include "client/cli/text/cells.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <string>

namespace descent::cli {
namespace {

constexpr const char* kPandasWords[] = {
    "",        "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
    "1.#QNAN", "<NA>", "N/A",      "NA",  "NULL",    "NaN",      "n/a",  "nan",  "null"};

TEST(MissingTest, WhatPandasAndRCallMissingIsMissing) {
  for (const char* word : kPandasWords) {
    EXPECT_TRUE(IsMissingNumber(word)) << word;
    EXPECT_TRUE(IsMissingText(word)) << word;
  }
  EXPECT_TRUE(IsMissingNumber("?"));
  EXPECT_TRUE(IsMissingText("?"));
}

TEST(MissingTest, ToolsOfSqlHaveWordsOfTheirOwn) {
  for (const char* word : {"\\N", "(null)", "[NULL]", "<null>", "(NULL)"}) {
    EXPECT_TRUE(IsMissingNumber(word)) << word;
    EXPECT_TRUE(IsMissingText(word)) << word;
  }
  // SAS' and Stata's, who may mean a point among texts.
  EXPECT_TRUE(IsMissingNumber("."));
  EXPECT_FALSE(IsMissingText("."));
}

TEST(MissingTest, SpacesOfAnyKindAreNothing) {
  for (const char* blank : {"", "\xC2\xA0", "\xE2\x80\xAF\xC2\xA0", "\xE2\x80\x89"}) {
    EXPECT_TRUE(IsMissingNumber(blank));
    EXPECT_TRUE(IsMissingText(blank));
  }
}

TEST(MissingTest, ValuesAreNot) {
  for (const char* word : {"0", "-1", "1O", "inf", "-", "N", "nano", "none of them", "NA NA"}) {
    EXPECT_FALSE(IsMissingNumber(word)) << word;
    EXPECT_FALSE(IsMissingText(word)) << word;
  }
}

TEST(MissingTest, WordsThatTextsMayMeanAreMissingNumbersAlone) {
  for (const char* word : {"None", "none", "Na", "na", "Nan", "Null", "NONE"}) {
    EXPECT_TRUE(IsMissingNumber(word)) << word;
    EXPECT_FALSE(IsMissingText(word)) << word;
  }
}

TEST(MissingTest, WordsCanBeAddedAndTakenAway) {
  const CellFormat format = {.missing = {"-999", "None"}, .values = {"NA"}};
  for (const char* word : {"-999", "None", ""}) {
    EXPECT_TRUE(IsMissingNumber(word, format)) << word;
    EXPECT_TRUE(IsMissingText(word, format)) << word;
  }
  EXPECT_FALSE(IsMissingNumber("NA", format));
  EXPECT_FALSE(IsMissingText("NA", format));
}

TEST(ParseNumberTest, NumbersAreFiniteAndWhole) {
  EXPECT_EQ(ParseNumber("-1.5e3"), -1500);
  EXPECT_EQ(ParseNumber("+7"), 7);
  EXPECT_EQ(ParseNumber(" 7 "), 7);
  for (const char* text : {"", "1x", "1,5", "nan", "inf", "-inf", "1e999", "0x", "--1", "1 2"}) {
    EXPECT_EQ(ParseNumber(text), std::nullopt) << text;
  }
}

TEST(ParseNumberTest, KnowsADecimalComma) {
  const CellFormat format = {.decimal = ','};
  EXPECT_EQ(ParseNumber("-0,25", format), -0.25);
  EXPECT_EQ(ParseNumber("1234", format), 1234);
  EXPECT_EQ(ParseNumber(",5", format), 0.5);
  EXPECT_EQ(ParseNumber("1,5e3", format), 1500);
  for (const char* text : {"1.5", "1,234,567", ",", "", "-", "1,5x", "inf", "nan"}) {
    EXPECT_EQ(ParseNumber(text, format), std::nullopt) << text;
  }
}

TEST(ParseNumberTest, KnowsThousands) {
  const CellFormat english = {.thousands = ','};
  EXPECT_EQ(ParseNumber("10,026", english), 10026);
  EXPECT_EQ(ParseNumber("-1,234,567.5", english), -1234567.5);
  EXPECT_EQ(ParseNumber("1234567.5", english), 1234567.5);
  for (const char* text : {"10,02", "1,2345", "1234,567", ",123", "1,,234", "1.5,000"}) {
    EXPECT_EQ(ParseNumber(text, english), std::nullopt) << text;
  }
  EXPECT_EQ(ParseNumber("1.234,5", {.decimal = ',', .thousands = '.'}), 1234.5);
  const CellFormat french = {.decimal = ',', .thousands = ' '};
  EXPECT_EQ(ParseNumber("1 234,5", french), 1234.5);
  EXPECT_EQ(ParseNumber("1\xC2\xA0"
                        "234,5",
                        french),
            1234.5);
  EXPECT_EQ(ParseNumber("1\xE2\x80\xAF"
                        "234",
                        french),
            1234);
}

TEST(ParseNumberTest, KnowsWhatTypographyMakesOfNumbers) {
  struct Case {
    const char* cell;
    double number;
  };
  // A minus as a sign of its own, and spaces around a number that are none to ASCII.
  for (const Case& c : {Case{"\xE2\x88\x92"
                             "5.5",
                             -5.5},
                        {"\xC2\xA0"
                         "7\xC2\xA0",
                         7},
                        {"\xE2\x80\x89\xE2\x88\x92"
                         "1e3",
                         -1000}}) {
    EXPECT_EQ(ParseNumber(c.cell), c.number) << c.cell;
  }
  EXPECT_EQ(ParseQuantity("\xE2\x88\x92$5")->number, -5);
  EXPECT_EQ(ParseNumber("\xE2\x88\x92"
                        "1,5",
                        {.decimal = ','}),
            -1.5);
  // Figure, thin and narrow no-break spaces, and an apostrophe that is none to ASCII.
  const CellFormat norm = {.thousands = ' '};
  for (const char* space : {" ", "\xC2\xA0", "\xE2\x80\x87", "\xE2\x80\x89", "\xE2\x80\xAF"}) {
    EXPECT_EQ(ParseNumber(std::string("1") + space + "234.5", norm), 1234.5) << space;
  }
  const CellFormat swiss = {.thousands = '\''};
  for (const char* sign : {"'", "\xE2\x80\x99"}) {
    EXPECT_EQ(ParseNumber(std::string("1") + sign + "234.5", swiss), 1234.5) << sign;
  }
  for (const char* text : {"\xE2\x88\x92", "\xE2\x88\x92-5",
                           "\xE2\x88\x92\xE2\x88\x92"
                           "5",
                           "\xE2\x80\x93"  // a dash may mean a range
                           "5",
                           "\xC2\xA0",
                           "1\xC2\xA0"
                           "2"}) {
    EXPECT_EQ(ParseNumber(text), std::nullopt) << text;
  }
}

TEST(ParseQuantityTest, TakesUnits) {
  struct Case {
    const char* cell;
    double number;
    const char* unit;
  };
  const CellFormat format = {.thousands = ','};
  for (const Case& c : {Case{"12", 12, ""},
                        {"12%", 12, "%"},
                        {"-3.5 %", -3.5, "%"},
                        {"$1,200.50", 1200.5, "$"},
                        {"-$5", -5, "$"},
                        {"$-5", -5, "$"},
                        {"12 €", 12, "€"},
                        {"€12", 12, "€"},
                        {"12\xC2\xA0€", 12, "€"},
                        {"£1", 1, "£"},
                        {"USD 7", 7, "USD"},
                        {"US$7", 7, "US$"}}) {
    const std::optional<Quantity> quantity = ParseQuantity(c.cell, format);
    ASSERT_TRUE(quantity.has_value()) << c.cell;
    EXPECT_EQ(quantity->number, c.number) << c.cell;
    EXPECT_EQ(quantity->unit, c.unit) << c.cell;
  }
  for (const char* text : {"%", "$", "", "1$2", "--$5", "-$-5", "5 kg", "$x", "inf%", "- 5 %x"}) {
    EXPECT_FALSE(ParseQuantity(text, format).has_value()) << text;
  }
}

TEST(SpellNumberTest, EqualNumbersHaveOneSpelling) {
  for (const char* text : {"1", "1.0", "+1", "1e0", " 1", "01"}) {
    EXPECT_EQ(SpellNumber(ParseNumber(text).value()), "1") << text;
  }
  EXPECT_EQ(SpellNumber(-0.0), "0");
  EXPECT_EQ(SpellNumber(-12), "-12");
  EXPECT_EQ(SpellNumber(0.1), "0.1");
  EXPECT_EQ(SpellNumber(1e300), "1e+300");
}

RC_GTEST_PROP(SpellNumberPropertyTest, ReadsBack, ()) {
  const auto number = *rc::gen::arbitrary<double>();
  RC_PRE(std::isfinite(number));
  RC_ASSERT(ParseNumber(SpellNumber(number)) == number);
}

}  // namespace
}  // namespace descent::cli
