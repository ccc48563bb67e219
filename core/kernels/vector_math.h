// Elementary functions of packets. Internal to the core.
//
// Largest errors in units in the last place (ulp) of the exact result, on any instruction set;
// tests/core/vector_math_test.cc fails above them. NaN gives NaN, infinities give the limits, and
// subnormal arguments and results are handled like any other.
//
//   function   float  double   domain
//   Exp        1      1        all
//   Expm1      2      2        all
//   Log        1      1        all; NaN below 0, -inf at 0
//   Log1p      1.5    2        [0, 1]
//   Tanh       2      2        all
//   Sigmoid    2      2        all
//   Softplus   2      2        all
//   NormalCdf  1      7        all; density 1 and 3
//
// Methods. Exponentials reduce x to k ln 2 + r with |r| <= ln(2) / 2 and take e^r as 1 + r plus r²
// times a polynomial; tests/reference/fit_vector_math.py finds the polynomials. Logarithms reduce
// to 2^k (1 + f) and follow SunPro's fdlibm (e_log.c, K. C. Ng 1993), s = f / (2 + f), with the
// series of atanh(s) cut off where the rest is lost in rounding. The normal distribution of floats
// is computed in double: its tail is a product of too many factors for float.

#ifndef CORE_KERNELS_VECTOR_MATH_H_
#define CORE_KERNELS_VECTOR_MATH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <type_traits>

#include "core/kernels/packet.h"

namespace descent::kernels {

namespace vector_math {

template <typename T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr int kMantissaBits = 23;
  static constexpr int kBias = 127;
  // Adding it rounds to an integer, which is then in the low bits.
  static constexpr float kRounder = 0x1.8p23F;
  // ln 2 in two parts; products of the first with exponents are exact.
  static constexpr float kLn2High = 0x1.63p-1F;
  static constexpr float kLn2Low = -0x1.bd0106p-13F;
  // Beyond them e^x is 0 or infinite.
  static constexpr float kExpLow = -104.5F;
  static constexpr float kExpHigh = 89.0F;
  // Beyond it tanh x rounds to 1 and expm1(-x) to -1.
  static constexpr float kTanhOne = 10.0F;
  static constexpr float kExpm1Low = -20.0F;
  // Beyond it the normal distribution's tail rounds to 0.
  static constexpr float kNormalEnd = 14.5F;
  // (e^r - 1 - r) / r² in powers of r, highest first, as all of these. Relative error of e^r 6e-10.
  static constexpr std::array kExpRest = {1.989099082e-4, 1.393365e-3,    8.333310925e-3,
                                          4.166646493e-2, 1.666666668e-1, 5.000000013e-1};
  // (tanh x - x) / x³ for |x| <= kTanhSmall in powers of x². Relative error of tanh 4e-9.
  static constexpr std::array kTanhRest = {-6.610227831e-3, 2.130938866e-2, -5.390942883e-2,
                                           1.333311373e-1, -3.333333201e-1};
  // (z + 4) e^(z²/2) Φ(-z) for 0 <= z <= kNormalEnd in powers of (z - 4) / (z + 4). Relative error
  // 3e-9.
  static constexpr std::array kNormalTail = {-5.264564978e-5, -2.346217611e-4, 1.693554583e-4,
                                             1.646295612e-3,  -3.48807553e-3,  -7.545268164e-3,
                                             6.039729391e-2,  -1.865213075e-1, 3.871373823e-1,
                                             -6.078966578e-1, 7.552851305e-1};
  // 2 / 3, 2 / 5, … of the series of 2 atanh(s) / s - 2 in s², highest power first.
  static constexpr std::array kLogSeries = {2.0F / 9, 2.0F / 7, 2.0F / 5, 2.0F / 3};
};

template <>
struct Constants<double> {
  static constexpr int kMantissaBits = 52;
  static constexpr int kBias = 1023;
  static constexpr double kRounder = 0x1.8p52;
  static constexpr double kLn2High = 0x1.62e42feep-1;
  static constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  static constexpr double kExpLow = -746.0;
  static constexpr double kExpHigh = 710.0;
  static constexpr double kTanhOne = 20.0;
  static constexpr double kExpm1Low = -40.0;
  static constexpr double kNormalEnd = 39.0;
  static constexpr std::uint64_t kLowHalf = 0x7ffffff;
  // Relative error 6e-19.
  static constexpr std::array kExpRest = {2.09146869680868772e-9,
                                          2.51052170047207452e-8,
                                          2.75572736431102953e-7,
                                          2.75572554002064244e-6,
                                          2.48015873255477412e-5,
                                          1.98412698748206253e-4,
                                          1.38888888888837483e-3,
                                          8.33333333332613513e-3,
                                          4.16666666666666698e-2,
                                          1.6666666666666671e-1,
                                          5.0e-1};
  // Relative error 3e-18.
  static constexpr std::array kTanhRest = {
      -2.06027653763663416e-5, 8.51131368557767152e-5,  -2.34634741088723714e-4,
      5.88936052007405777e-4,  -1.45566183010071603e-3, 3.59211037868902388e-3,
      -8.86323439781435484e-3, 2.18694884936669419e-2,  -5.39682539674340145e-2,
      1.33333333333327148e-1,  -3.33333333333333326e-1};
  // Relative error 4e-17.
  static constexpr std::array kNormalTail = {
      -9.65342542022850467e-10, 7.26954547902668946e-11, 1.39240239935017101e-8,
      1.45785933470364597e-8,   -7.63808205349045035e-8, -1.54263205367710739e-7,
      2.63682485764076251e-7,   1.01980485181351727e-6,  -6.25132104047868019e-7,
      -5.91889273176323645e-6,  7.15005595921609866e-7,  3.51441811577609727e-5,
      -1.90786653166135743e-6,  -2.31094818319376211e-4, 1.33344254019049116e-4,
      1.6308184418903596e-3,    -3.47969236224253334e-3, -7.54018896559305902e-3,
      6.03965748906994641e-2,   -1.86521857959694163e-1, 3.87137400742218879e-1,
      -6.07896641971891759e-1,  7.5528513041575148e-1};
  static constexpr std::array kLogSeries = {2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13, 2.0 / 11,
                                            2.0 / 9,  2.0 / 7,  2.0 / 5,  2.0 / 3};
};

// The largest |x| whose tanh is taken from kTanhRest.
inline constexpr double kTanhSmall = 0.55;

// Σ coefficients[i] x^(N-1-i), as two polynomials in x², of which neither waits for the other.
template <typename T, typename Coefficient, std::size_t N>
[[gnu::always_inline]] inline Packet<T> Polynomial(Packet<T> x,
                                                   const std::array<Coefficient, N>& coefficients) {
  static_assert(N >= 2);
  const Packet<T> square = x * x;
  Packet<T> sums[] = {coefficients[0], coefficients[1]};
  for (std::size_t i = 2; i < N; ++i) {
    sums[i % 2] = MulAdd(sums[i % 2], square, Packet<T>(coefficients[i]));
  }
  return MulAdd(sums[N % 2], x, sums[(N - 1) % 2]);
}

// 2^k for an integer k, -kBias < k <= kBias.
template <typename T>
[[gnu::always_inline]] inline Packet<T> PowerOfTwo(Packet<T> k) {
  using C = Constants<T>;
  return Packet<T>::FromBits((k + (C::kRounder + C::kBias)).bits() << C::kMantissaBits);
}

// x to the nearest integer. Requires |x| < 2^(kMantissaBits - 2).
template <typename T>
[[gnu::always_inline]] inline Packet<T> Round(Packet<T> x) {
  return (x + Constants<T>::kRounder) - Constants<T>::kRounder;
}

// x = k ln 2 + r + rest.
template <typename T>
struct Reduced {
  Packet<T> k;
  Packet<T> r;
  Packet<T> rest;  // what rounding took from r
};

// Requires |x| where the exponent k fits.
template <typename T>
[[gnu::always_inline]] inline Reduced<T> Reduce(Packet<T> x) {
  using C = Constants<T>;
  using P = Packet<T>;
  const P k = Round(x * P(std::numbers::log2e_v<T>));
  const P high = MulAdd(k, P(-C::kLn2High), x);
  const P r = MulAdd(k, P(-C::kLn2Low), high);
  return {k, r, MulAdd(k, P(-C::kLn2Low), high - r)};
}

// e^(r + rest) - 1 for |r| <= ln(2) / 2 and a rest far below it, as exact as results of type
// Precision have to be.
template <typename Precision, typename T>
[[gnu::always_inline]] inline Packet<T> ReducedExpm1(Packet<T> r, Packet<T> rest) {
  return r + MulAdd(r * r, Polynomial(r, Constants<Precision>::kExpRest), rest);
}

// value * 2^k in two steps, so that subnormal and infinite results come out right.
template <typename T>
[[gnu::always_inline]] inline Packet<T> Scale(Packet<T> value, Packet<T> k) {
  const Packet<T> half = Round(k * Packet<T>(0.5));
  return value * PowerOfTwo(half) * PowerOfTwo(k - half);
}

// e^(x + correction...), the correction, at most one packet, being far below x.
template <typename T, typename... Correction>
[[gnu::always_inline]] inline Packet<T> ExpOfSum(Packet<T> x, Correction... correction) {
  using C = Constants<T>;
  const auto [k, r, _] = Reduce(Clamp(x, C::kExpLow, C::kExpHigh));
  return Scale(1 + ReducedExpm1<T>((r + ... + correction), Packet<T>(0)), k);
}

// log(2^k (1 + f)). Requires sqrt(1/2) <= 1 + f <= sqrt(2).
template <typename T>
[[gnu::always_inline]] inline Packet<T> LogOfProduct(Packet<T> k, Packet<T> f) {
  using C = Constants<T>;
  using P = Packet<T>;
  const P s = f / (f + 2);
  const P s2 = s * s;
  const P series = s2 * Polynomial(s2, C::kLogSeries);
  const P half_square = f * f * P(0.5);
  const P low = MulAdd(s, half_square + series, k * P(C::kLn2Low));
  return MulAdd(k, P(C::kLn2High), f - (half_square - low));
}

}  // namespace vector_math

template <typename T>
[[gnu::always_inline]] inline Packet<T> Exp(Packet<T> x) {
  return vector_math::ExpOfSum(x);
}

// e^x - 1, exact near 0.
template <typename T>
[[gnu::always_inline]] inline Packet<T> Expm1(Packet<T> x) {
  using C = vector_math::Constants<T>;
  using P = Packet<T>;
  const auto [k, r, rest] = vector_math::Reduce(Clamp(x, C::kExpm1Low, C::kExpHigh));
  // Half of 2^k: the whole need not be finite.
  const P scale = vector_math::PowerOfTwo(k - 1);
  const P half = MulAdd(scale, vector_math::ReducedExpm1<T>(r, rest), scale - P(0.5));
  return half + half;
}

template <typename T>
[[gnu::always_inline]] inline Packet<T> Log(Packet<T> x) {
  using C = vector_math::Constants<T>;
  using P = Packet<T>;
  using Bits = typename P::Bits;
  using Word = typename P::Word;
  const Mask<T> subnormal = x < P(std::numeric_limits<T>::min());
  const P lift = vector_math::PowerOfTwo(P(C::kMantissaBits + 1));
  const Bits bits = Select(subnormal, x * lift, x).bits();
  // The exponent, put into the low bits of 2^kMantissaBits, is that number plus itself.
  const P two_to_mantissa = static_cast<T>(Word{1} << C::kMantissaBits);
  P k = P::FromBits((bits >> C::kMantissaBits) | two_to_mantissa.bits()) -
        (two_to_mantissa + C::kBias);
  k = k - Select(subnormal, P(C::kMantissaBits + 1), P(0));
  P m = P::FromBits((bits & ((Word{1} << C::kMantissaBits) - 1)) | P(1).bits());
  const Mask<T> large = m > P(std::numbers::sqrt2_v<T>);
  m = Select(large, m * P(0.5), m);
  k = Select(large, k + 1, k);
  const P result = vector_math::LogOfProduct(k, m - 1);
  // Zero, infinity and what has no logarithm.
  const P infinity = std::numeric_limits<T>::infinity();
  const P nan = std::numeric_limits<T>::quiet_NaN();
  const P outside = Select(x == P(0), -infinity, Select(x == infinity, infinity, nan));
  return Select((P(0) < x) & (x < infinity), result, outside);
}

// log(1 + x), exact near 0. Requires 0 <= x <= 1 or NaN.
template <typename T>
[[gnu::always_inline]] inline Packet<T> Log1p(Packet<T> x) {
  using P = Packet<T>;
  const Mask<T> large = x > P(std::numbers::sqrt2_v<T> - 1);
  return vector_math::LogOfProduct(Select(large, P(1), P(0)), Select(large, (x - 1) * P(0.5), x));
}

template <typename T>
[[gnu::always_inline]] inline Packet<T> Tanh(Packet<T> x) {
  using C = vector_math::Constants<T>;
  using P = Packet<T>;
  const P magnitude = Min(Abs(x), C::kTanhOne);
  const P square = magnitude * magnitude;
  const P small =
      MulAdd(magnitude * square, vector_math::Polynomial(square, C::kTanhRest), magnitude);
  // 1 - 2 / (e^2x + 1)
  const auto [k, r, _] = vector_math::Reduce(magnitude + magnitude);
  const P scale = vector_math::PowerOfTwo(k);
  const P large = 1 - P(2) / MulAdd(scale, vector_math::ReducedExpm1<T>(r, P(0)), scale + 1);
  return CopySign(Select(magnitude > P(vector_math::kTanhSmall), large, small), x);
}

// 1 / (1 + e^-x).
template <typename T>
[[gnu::always_inline]] inline Packet<T> Sigmoid(Packet<T> x) {
  using P = Packet<T>;
  // With E = e^-|x|: E / (1 + E) below 0, 1 / (1 + E) above.
  const P e = Exp(-Abs(x));
  const P sum = 1 + e;
  const P lost = e - (sum - 1);
  const P quotient = Select(x < P(0), e, P(1)) / sum;
  return MulAdd(-quotient, lost, quotient);
}

// log(1 + e^x).
template <typename T>
[[gnu::always_inline]] inline Packet<T> Softplus(Packet<T> x) {
  return Max(x, Packet<T>(0)) + Log1p(Exp(-Abs(x)));
}

// The standard normal distribution at z.
template <typename T>
struct Normal {
  Packet<T> cdf;      // Φ(z)
  Packet<T> density;  // φ(z) = e^(-z²/2) / sqrt(2π)
};

namespace vector_math {

// Computed in T, as exact as results of type Precision have to be.
template <typename Precision, typename T>
[[gnu::always_inline]] inline Normal<T> NormalOf(Packet<T> z) {
  using C = Constants<Precision>;
  using P = Packet<T>;
  const P m = Min(Abs(z), C::kNormalEnd);
  P e;
  if constexpr (std::is_same_v<Precision, T>) {
    // m² = h² + (m - h) (m + h), of which the first is exact.
    const P h = P::FromBits(m.bits() & ~(typename P::Bits{} + C::kLowHalf));
    e = ExpOfSum(P(-0.5) * (h * h), P(-0.5) * ((m - h) * (m + h)));
  } else {
    const auto [k, r, _] = Reduce(P(-0.5) * (m * m));
    const P scale = PowerOfTwo(k);
    e = MulAdd(scale, ReducedExpm1<Precision>(r, P(0)), scale);
  }
  const P inverse = 1 / (m + 4);
  const P tail = e * (inverse * Polynomial((m - 4) * inverse, C::kNormalTail));
  return {Select(P(0) < z, 1 - tail, tail),
          e * P(std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>)};
}

}  // namespace vector_math

[[gnu::always_inline]] inline Normal<double> NormalCdf(Packet<double> z) {
  return vector_math::NormalOf<double>(z);
}

[[gnu::always_inline]] inline Normal<float> NormalCdf(Packet<float> z) {
  const auto [first, second] = Widen(z);
  const Normal<double> low = vector_math::NormalOf<float>(first);
  const Normal<double> high = vector_math::NormalOf<float>(second);
  return {Narrow(low.cdf, high.cdf), Narrow(low.density, high.density)};
}

}  // namespace descent::kernels

#endif  // CORE_KERNELS_VECTOR_MATH_H_
