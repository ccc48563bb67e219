// Our own elementary functions of single numbers against the C library's in long double.

#include "core/kernels/portable_math.h"

#include <cmath>
#include <cstdint>
#include <numbers>

#include "gtest/gtest.h"

namespace descent::portable {
namespace {

// How many units in the last place of the exact result the actual one is away from it.
double UlpsFrom(double actual, long double exact) {
  const auto rounded = static_cast<double>(exact);
  const double ulp = std::nextafter(std::abs(rounded), INFINITY) - std::abs(rounded);
  return static_cast<double>(std::abs(actual - exact) / ulp);
}

TEST(PortableMathTest, PowersAreWithinOneUlp) {
  for (const double base : {0.1, 0.5, 0.9, 0.99, 0.999, 0.9999999, 1.0, 1.0000001, 1.5, 7.25}) {
    for (std::int64_t exponent = 0; exponent < 2'000'000; exponent += 1 + exponent / 3) {
      const long double exact =
          std::pow(static_cast<long double>(base), static_cast<long double>(exponent));
      if (!std::isnormal(static_cast<double>(exact))) continue;
      EXPECT_LE(UlpsFrom(Power(base, exponent), exact), 1) << base << "^" << exponent;
    }
  }
}

TEST(PortableMathTest, PowersAtTheEndsOfTheRange) {
  EXPECT_EQ(Power(0.9, 0), 1);
  EXPECT_EQ(Power(0, 0), 1);
  EXPECT_EQ(Power(0, 3), 0);
  EXPECT_EQ(Power(0.5, 1 << 20), 0);
  EXPECT_EQ(Power(2, 1 << 20), INFINITY);
  EXPECT_EQ(Power(2, 1023), 0x1p1023);
  EXPECT_EQ(Power(0.5, INT64_MAX), 0);
}

TEST(PortableMathTest, CosinesAreWithinAnUlpOfOne) {
  for (int i = 0; i <= 100'000; ++i) {
    const double x = std::numbers::pi * i / 100'000;
    const long double exact = std::cos(static_cast<long double>(x));
    EXPECT_LE(std::abs(Cos(x) - exact), 0x1p-53L + 0x1p-54L) << x;
  }
  EXPECT_EQ(Cos(0), 1);
  EXPECT_EQ(Cos(std::numbers::pi), -1);
}

TEST(PortableMathTest, ExponentialsAndLogarithms) {
  for (int i = -2000; i <= 2000; ++i) {
    const double x = i * 0.017;
    EXPECT_LE(UlpsFrom(Exp(x), std::exp(static_cast<long double>(x))), 1) << x;
    if (x != 0) {
      EXPECT_LE(UlpsFrom(Expm1(x), std::expm1(static_cast<long double>(x))), 2) << x;
    }
    if (x > 0) {
      EXPECT_LE(UlpsFrom(Log(x), std::log(static_cast<long double>(x))), 1) << x;
    }
    if (x > 0 && x <= 1) {
      EXPECT_LE(UlpsFrom(Log1p(x), std::log1p(static_cast<long double>(x))), 2) << x;
    }
  }
}

}  // namespace
}  // namespace descent::portable
