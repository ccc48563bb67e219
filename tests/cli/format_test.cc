#include "client/cli/format.h"

#include <gtest/gtest.h>

#include <cmath>

namespace descent::cli {
namespace {

TEST(FormatTest, GroupsCounts) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(-1234567), "-1,234,567");
}

TEST(FormatTest, ShowsFourDigitsAndAllBeforeThePoint) {
  EXPECT_EQ(FormatNumber(52341.4), "52,341");
  EXPECT_EQ(FormatNumber(183.24), "183.2");
  EXPECT_EQ(FormatNumber(0.78912), "0.7891");
  EXPECT_EQ(FormatNumber(-1.5), "-1.500");
  EXPECT_EQ(FormatNumber(0), "0.0000");
}

TEST(FormatTest, ShowsTheVeryLargeAndSmallByTheirPower) {
  EXPECT_EQ(FormatNumber(1.23449e-7), "1.234e-07");
  EXPECT_EQ(FormatNumber(-5e15), "-5e+15");
  EXPECT_EQ(FormatNumber(NAN), "nan");
  EXPECT_EQ(FormatNumber(INFINITY), "inf");
}

TEST(FormatTest, GroupsBeforeThePointOnly) {
  EXPECT_EQ(FormatFixed(1234567.12345, 4), "1,234,567.1235");
}

TEST(FormatTest, GivesBytesAUnit) {
  EXPECT_EQ(FormatBytes(0), "0 bytes");
  EXPECT_EQ(FormatBytes(1), "1 byte");
  EXPECT_EQ(FormatBytes(999), "999 bytes");
  EXPECT_EQ(FormatBytes(1000), "1.000 kB");
  EXPECT_EQ(FormatBytes(16512), "16.51 kB");
  EXPECT_EQ(FormatBytes(999960), "1.000 MB");
  EXPECT_EQ(FormatBytes(1234000000), "1.234 GB");
  EXPECT_EQ(FormatBytes(int64_t{5000} * 1000 * 1000 * 1000 * 1000), "5,000 TB");
}

}  // namespace
}  // namespace descent::cli
