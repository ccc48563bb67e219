#include "client/cli/text/dates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace descent::cli {
namespace {

TEST(ParseDateTest, CountsDaysOfUtc) {
  EXPECT_EQ(ParseDate("1970-01-01")->days, 0);
  EXPECT_EQ(ParseDate("2024-12-31")->days, 20088);
  EXPECT_EQ(ParseDate("2024/12/31")->days, 20088);
  EXPECT_EQ(ParseDate("2024-12")->days, 20058);
  EXPECT_EQ(ParseDate("1969-12-31")->days, -1);
  EXPECT_EQ(ParseDate("2024-12-31 12:00")->days, 20088.5);
  EXPECT_EQ(ParseDate("2024-12-31T12:00:00Z")->days, 20088.5);
  EXPECT_EQ(ParseDate("2024-12-31T12:00:00.000+06:00")->days, 20088.25);
  EXPECT_EQ(ParseDate("2024-12-31T12:00:00-0600")->days, 20088.75);
  EXPECT_NEAR(ParseDate("2024-12-31 00:00:00.5")->days, 20088 + 0.5 / 86400, 1e-9);
}

TEST(ParseDateTest, CyclesAreOfTheClockAsWritten) {
  const Date date = ParseDate("2024-07-01T18:00:00+06:00").value();  // a Monday
  EXPECT_EQ(date.day, 0.75);
  EXPECT_EQ(date.week, 0);
  EXPECT_NEAR(date.year, 182.75 / 366, 1e-12);
  EXPECT_TRUE(date.has_time);
  EXPECT_FALSE(ParseDate("2024-07-01")->has_time);
  EXPECT_NEAR(ValueOf(date, DatePart::kDaySin), -1, 1e-12);
  EXPECT_NEAR(ValueOf(date, DatePart::kDayCos), 0, 1e-12);
  EXPECT_NEAR(ValueOf(date, DatePart::kWeekCos), 1, 1e-12);
}

TEST(ParseDateTest, RefusesWhatIsNoDateOrLeavesTheDayOpen) {
  for (const char* text :
       {"", "2024", "2024-13-01", "2023-02-29", "2024-00-10", "31/12/2024", "12/31/2024",
        "2024-12-31x", "2024-12-31 25:00", "2024-12-31T12:60", "20241231", "2024-1-2-3",
        "2024-12/31", "2024.12.31", "-5", "1.5", "2024-12-31T12:00+99:00",
        "2024-12-31 "
        "12:00 noon"}) {
    EXPECT_FALSE(ParseDate(text).has_value()) << text;
  }
}

TEST(LooksLikeDateTest, KnowsOtherSpellings) {
  for (const char* text :
       {"31/12/2024", "12/31/2024", "31.12.2024", "1/2/24", "31-Dec-2024", "Dec 31, 2024",
        "31 December 2024", "31/12/2024 23:59", "23:59", "23:59:01", "11:59 PM", "31-12-2024"}) {
    EXPECT_TRUE(LooksLikeDate(text)) << text;
  }
  for (const char* text : {"", "1.2.3", "1/2", "a/b/c", "192.168.1.1", "Mary 1", "10-20", "1.5",
                           "December", "12:5", "2024-12-31x"}) {
    EXPECT_FALSE(LooksLikeDate(text)) << text;
  }
}

TEST(DatePartTest, NamesAreFoundAgain) {
  for (const DatePart part : kDateParts) EXPECT_EQ(DatePartOf(NameOf(part)), part);
  for (const DatePart part : kTimeParts) EXPECT_EQ(DatePartOf(NameOf(part)), part);
  EXPECT_EQ(DatePartOf("month"), std::nullopt);
}

}  // namespace
}  // namespace descent::cli
