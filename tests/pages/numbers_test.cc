#include "server/pages/numbers.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace descent::pages {
namespace {

TEST(NumbersTest, CountsHaveTheirThousandsApart) {
  EXPECT_EQ(Count(0), "0");
  EXPECT_EQ(Count(999), "999");
  EXPECT_EQ(Count(1000), "1,000");
  EXPECT_EQ(Count(1234567), "1,234,567");
  EXPECT_EQ(Count(-999), "-999");
  EXPECT_EQ(Count(-123456), "-123,456");
  EXPECT_EQ(Count(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(NumbersTest, ShortCountsHaveThreeDigits) {
  EXPECT_EQ(ShortCount(0), "0");
  EXPECT_EQ(ShortCount(0.25), "0.25");
  EXPECT_EQ(ShortCount(42), "42");
  EXPECT_EQ(ShortCount(99.7), "100");
  EXPECT_EQ(ShortCount(999), "999");
  EXPECT_EQ(ShortCount(999.6), "1.00k");
  EXPECT_EQ(ShortCount(12345), "12.3k");
  EXPECT_EQ(ShortCount(999700), "1.00M");
  EXPECT_EQ(ShortCount(4.56e6), "4.56M");
  EXPECT_EQ(ShortCount(9.2e18), "9.20E");
  EXPECT_EQ(ShortCount(std::numeric_limits<double>::infinity()), "–");
}

TEST(NumbersTest, RealsHaveFour) {
  EXPECT_EQ(Real(0.12345678), "0.1235");
  EXPECT_EQ(Real(1e-7), "1e-07");
  EXPECT_EQ(Real(0), "0");
  EXPECT_EQ(Real(std::numeric_limits<double>::quiet_NaN()), "–");
}

TEST(NumbersTest, BytesAreInPowersOf1024) {
  EXPECT_EQ(Bytes(0), "0 B");
  EXPECT_EQ(Bytes(1023), "1023 B");
  EXPECT_EQ(Bytes(1536), "1.50 KiB");
  EXPECT_EQ(Bytes(std::int64_t{200} << 20), "200 MiB");
  EXPECT_EQ(Bytes(std::numeric_limits<std::int64_t>::max()), "8192 PiB");
}

TEST(NumbersTest, TimesHaveTwoParts) {
  EXPECT_EQ(Span(absl::Seconds(-3)), "0 s");
  EXPECT_EQ(Span(absl::Milliseconds(999)), "0 s");
  EXPECT_EQ(Span(absl::Seconds(59)), "59 s");
  EXPECT_EQ(Span(absl::Seconds(185)), "3 min 5 s");
  EXPECT_EQ(Span(absl::Hours(1) + absl::Seconds(5)), "1 h");
  EXPECT_EQ(Span(absl::Hours(52)), "2 d 4 h");
  EXPECT_EQ(Span(absl::Hours(24 * 2000)), "2,000 d");
  EXPECT_EQ(Moment(absl::FromUnixSeconds(86399)), "1970-01-01 23:59:59 UTC");
}

}  // namespace
}  // namespace descent::pages
