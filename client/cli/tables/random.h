// Random numbers that are the same on every machine, compiler and standard library.
//
// The standard fixes what std::mt19937_64 yields, but not what std::shuffle and the standard
// distributions make of it, so these are written out.

#ifndef CLIENT_CLI_TABLES_RANDOM_H_
#define CLIENT_CLI_TABLES_RANDOM_H_

#include <cstdint>
#include <random>
#include <vector>

#include "absl/types/span.h"

namespace descent::cli {

// The finaliser of SplitMix64 (Steele, Lea and Flood 2014), a bijection that mixes all bits.
uint64_t MixBits(uint64_t x);

class Random {
 public:
  // Generators with different (seed, stream) are unrelated: a stream is one use of the seed.
  Random(uint64_t seed, uint64_t stream);

  // Uniform on [0, 1), a multiple of 2^-53.
  double Uniform();
  // Uniform on {0, ..., bound - 1}, without bias. Requires bound > 0.
  uint64_t Below(uint64_t bound);
  // Standard normal (Marsaglia's polar method).
  double Normal();

 private:
  std::mt19937_64 engine_;
  double spare_normal_ = 0;
  bool has_spare_normal_ = false;
};

// 0, ..., count - 1 in random order (Fisher and Yates).
std::vector<int64_t> RandomPermutation(int64_t count, Random* random);

// Which rows to learn from and which to judge by; both in ascending order.
struct Split {
  std::vector<int64_t> training;
  std::vector<int64_t> test;
};

// Puts round(rows * test_fraction) rows, drawn by the seed, aside for testing.
Split SplitRows(int64_t rows, double test_fraction, uint64_t seed);

// The same of rows with classes (a class is a number from 0 on): as nearly as whole rows can, each
// class is divided like the whole. One row of every class is left to learn from.
Split SplitByClass(absl::Span<const int32_t> classes, double test_fraction, uint64_t seed);

// The order in which one pass over `count` rows visits them. `pass` tells passes apart.
std::vector<int64_t> ShuffledRows(int64_t count, uint64_t seed, uint64_t pass);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TABLES_RANDOM_H_
