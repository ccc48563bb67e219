#include "core/philox.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

#include "core/check.h"

namespace descent {
namespace {

// What one number is made by is inline, for loops over many.

inline PhiloxBlock TenRounds(PhiloxBlock counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {HighWord(product1) ^ counter[1] ^ key[0], LowWord(product1),
               HighWord(product0) ^ counter[3] ^ key[1], LowWord(product0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

inline double UniformOf(std::uint64_t seed, std::uint64_t stream, std::uint64_t i) {
  const PhiloxBlock block = TenRounds({LowWord(i), HighWord(i), LowWord(stream), HighWord(stream)},
                                      {LowWord(seed), HighWord(seed)});
  const std::uint64_t bits = (std::uint64_t{block[1]} << 32 | block[0]) >> 12;
  return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

// Highest power first.
template <std::size_t n>
inline double Polynomial(const double (&coefficients)[n], double x) {
  double sum = 0;
  for (const double coefficient : coefficients) sum = sum * x + coefficient;
  return sum;
}

// 2 artanh(s) / 2s in s², highest power first.
constexpr double kArtanh[] = {1.0 / 25, 1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13,
                              1.0 / 11, 1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};

// The natural logarithm of a normal number by arithmetic that is the same everywhere, which the C
// library's need not be. With x = m 2^e, m in [√½, √2) and s = (m - 1) / (m + 1), log x is
// e log 2 + 2 artanh s.
inline double PortableLog(double x) {
  constexpr int kFractionBits = 52;
  constexpr std::uint64_t kHalf = std::uint64_t{1022} << kFractionBits;
  constexpr std::uint64_t kFraction = (std::uint64_t{1} << kFractionBits) - 1;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto half = std::bit_cast<double>((bits & kFraction) | kHalf);  // in [½, 1)
  const bool small = half < 0.70710678118654752440;
  const double mantissa = small ? 2 * half : half;
  const double exponent = static_cast<double>(static_cast<std::int64_t>(bits >> kFractionBits) -
                                              1022 - (small ? 1 : 0));
  const double s = (mantissa - 1) / (mantissa + 1);
  return exponent * 0.69314718055994530942 + 2 * s * Polynomial(kArtanh, s * s);
}

// AS 241, one rational function for the middle and two for the tails, highest power first.
constexpr double kMiddleTop[] = {2.5090809287301226727e+3, 3.3430575583588128105e+4,
                                 6.7265770927008700853e+4, 4.5921953931549871457e+4,
                                 1.3731693765509461125e+4, 1.9715909503065514427e+3,
                                 1.3314166789178437745e+2, 3.3871328727963666080e+0};
constexpr double kMiddleBottom[] = {5.2264952788528545610e+3, 2.8729085735721942674e+4,
                                    3.9307895800092710610e+4, 2.1213794301586595867e+4,
                                    5.3941960214247511077e+3, 6.8718700749205790830e+2,
                                    4.2313330701600911252e+1, 1.0};
constexpr double kTailTop[] = {7.74545014278341407640e-4, 2.27238449892691845833e-2,
                               2.41780725177450611770e-1, 1.27045825245236838258e+0,
                               3.64784832476320460504e+0, 5.76949722146069140550e+0,
                               4.63033784615654529590e+0, 1.42343711074968357734e+0};
constexpr double kTailBottom[] = {1.05075007164441684324e-9, 5.47593808499534494600e-4,
                                  1.51986665636164571966e-2, 1.48103976427480074590e-1,
                                  6.89767334985100004550e-1, 1.67638483018380384940e+0,
                                  2.05319162663775882187e+0, 1.0};
constexpr double kFarTop[] = {2.01033439929228813265e-7, 2.71155556874348757815e-5,
                              1.24266094738807843860e-3, 2.65321895265761230930e-2,
                              2.96560571828504891230e-1, 1.78482653991729133580e+0,
                              5.46378491116411436990e+0, 6.65790464350110377720e+0};
constexpr double kFarBottom[] = {2.04426310338993978564e-15, 1.42151175831644588870e-7,
                                 1.84631831751005468180e-5,  7.86869131145613259100e-4,
                                 1.48753612908506148525e-2,  1.36929880922735805310e-1,
                                 5.99832206555887937690e-1,  1.0};

// The inverse at p = ½ + q with |q| <= kMiddle.
constexpr double kMiddle = 0.425;
inline double InverseInMiddle(double q) {
  const double r = 0.180625 - q * q;
  return q * Polynomial(kMiddleTop, r) / Polynomial(kMiddleBottom, r);
}

// Beyond: with r = √-log of the nearer tail's probability.
inline double RootOfLog(double p) { return std::sqrt(-PortableLog(p - 0.5 < 0 ? p : 1 - p)); }
constexpr double kFar = 5;
inline double InverseInTail(double r) {
  return Polynomial(kTailTop, r - 1.6) / Polynomial(kTailBottom, r - 1.6);
}
inline double InverseFarOut(double r) {
  return Polynomial(kFarTop, r - 5) / Polynomial(kFarBottom, r - 5);
}

}  // namespace

PhiloxBlock Philox4x32(PhiloxBlock counter, std::array<std::uint32_t, 2> key) {
  return TenRounds(counter, key);
}

double PhiloxStream::Uniform(std::uint64_t i) const { return UniformOf(seed_, stream_, i); }

double PhiloxStream::Normal(std::uint64_t i) const { return InverseNormal(Uniform(i)); }

void PhiloxStream::Uniforms(std::uint64_t begin, std::span<double> numbers) const {
  for (std::size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = UniformOf(seed_, stream_, begin + i);
}

// As InverseNormal of each, without branches that depend on the numbers: those of the tails are
// computed side by side.
void PhiloxStream::Normals(std::uint64_t begin, std::span<double> numbers) const {
  constexpr std::size_t kBlock = 256;
  std::array<double, kBlock> uniforms;
  std::array<double, kBlock> roots;
  std::array<double, kBlock> tails;
  std::array<std::uint16_t, kBlock> places;
  for (std::size_t at = 0; at < numbers.size(); at += kBlock) {
    const std::size_t n = std::min(kBlock, numbers.size() - at);
    double* const out = numbers.data() + at;
    Uniforms(begin + at, {uniforms.data(), n});
    std::size_t count = 0;
    for (std::size_t i = 0; i < n; ++i) {
      roots[count] = uniforms[i];
      places[count] = static_cast<std::uint16_t>(i);
      count += std::abs(uniforms[i] - 0.5) <= kMiddle ? 0 : 1;
    }
    for (std::size_t i = 0; i < n; ++i) out[i] = InverseInMiddle(uniforms[i] - 0.5);
    for (std::size_t i = 0; i < count; ++i) roots[i] = RootOfLog(roots[i]);
    for (std::size_t i = 0; i < count; ++i) tails[i] = InverseInTail(roots[i]);
    for (std::size_t i = 0; i < count; ++i) {
      const double tail = roots[i] <= kFar ? tails[i] : InverseFarOut(roots[i]);
      out[places[i]] = uniforms[places[i]] - 0.5 < 0 ? -tail : tail;
    }
  }
}

double InverseNormal(double p) {
  DESCENT_CHECK(p > 0 && p < 1);
  const double q = p - 0.5;
  if (std::abs(q) <= kMiddle) return InverseInMiddle(q);
  const double r = RootOfLog(p);
  const double tail = r <= kFar ? InverseInTail(r) : InverseFarOut(r);
  return q < 0 ? -tail : tail;
}

}  // namespace descent
