#include "core/kernels/portable_math.h"

#include <cmath>

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"

namespace descent::portable {
namespace {

using Doubles = kernels::Packet<double>;

// high + low, |low| at most half an ulp of high: twice the digits of a double.
struct Pair {
  double high;
  double low;
};

// The exact sum of two doubles, |a| >= |b| (Dekker 1971).
Pair Sum(double a, double b) {
  const double high = a + b;
  return {high, b - (high - a)};
}

// a b, with a relative error of about 2^-104.
Pair PairProduct(Pair a, Pair b) {
  const double high = a.high * b.high;
  // Beyond the range of doubles, where an error of the product has no meaning.
  if (!std::isfinite(high) || high == 0) return {high, 0};
  const double error = std::fma(a.high, b.high, -high);
  return Sum(high, error + (a.high * b.low + a.low * b.high));
}

// Taylor's series of the cosine and the sine for |x| <= pi / 4, where what they leave out is below
// 1e-21.
double CosSeries(double x) {
  const double square = x * x;
  double sum = 0;
  for (int n = 18; n >= 2; n -= 2) sum = (1 - sum) * square / (n * (n - 1));
  return 1 - sum;
}
double SinSeries(double x) {
  const double square = x * x;
  double sum = 0;
  for (int n = 19; n >= 3; n -= 2) sum = (1 - sum) * square / (n * (n - 1));
  return x - x * sum;
}

// pi / 2 in two parts.
constexpr double kHalfPiHigh = 0x1.921fb54442d18p0;
constexpr double kHalfPiLow = 0x1.1a62633145c07p-54;

}  // namespace

double Power(double base, std::int64_t exponent) {
  Pair power = {1, 0};
  Pair square = {base, 0};
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) power = PairProduct(power, square);
    square = PairProduct(square, square);
  }
  return power.high;
}

double Cos(double x) {
  constexpr double kQuarter = kHalfPiHigh / 2;
  if (x <= kQuarter) return CosSeries(x);
  if (x <= 3 * kQuarter) return -SinSeries((x - kHalfPiHigh) - kHalfPiLow);
  return -CosSeries((x - 2 * kHalfPiHigh) - 2 * kHalfPiLow);
}

double Exp(double x) { return kernels::Exp(Doubles(x)).First(); }
double Expm1(double x) { return kernels::Expm1(Doubles(x)).First(); }
double Log(double x) { return kernels::Log(Doubles(x)).First(); }
double Log1p(double x) { return kernels::Log1p(Doubles(x)).First(); }

}  // namespace descent::portable
