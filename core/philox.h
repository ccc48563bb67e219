// Counter-based random numbers: Philox 4x32-10.
// Source: Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC
// '11.
//
// A number is a function of (key, counter) alone, so parameters can be drawn in any order, by any
// number of threads and on any machine with the same result.

#ifndef CORE_PHILOX_H_
#define CORE_PHILOX_H_

#include <array>
#include <cstdint>
#include <span>

namespace descent {

using PhiloxBlock = std::array<std::uint32_t, 4>;

constexpr std::uint32_t LowWord(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
constexpr std::uint32_t HighWord(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

// Ten rounds on one counter.
PhiloxBlock Philox4x32(PhiloxBlock counter, std::array<std::uint32_t, 2> key);

// The random numbers of one stream, e.g. of one parameter: number `i` of each kind is computed
// from (seed, stream, i) with additions, multiplications, divisions and square roots only, so it
// has the same bits on every machine with IEEE 754 arithmetic.
class PhiloxStream {
 public:
  PhiloxStream(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  // Uniform on (0, 1), 52 bits, symmetric around a half.
  double Uniform(std::uint64_t i) const;

  // Standard normal: the inverse distribution function of Uniform(i).
  double Normal(std::uint64_t i) const;

  // The numbers from `begin` on, several at a time and so many times faster.
  void Uniforms(std::uint64_t begin, std::span<double> numbers) const;
  void Normals(std::uint64_t begin, std::span<double> numbers) const;

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
};

// The standard normal distribution's inverse at p in (0, 1), relative error about 1e-15.
// Source: Wichura (1988), algorithm AS 241 (PPND16), Applied Statistics 37(3), 477-484.
double InverseNormal(double p);

}  // namespace descent

#endif  // CORE_PHILOX_H_
