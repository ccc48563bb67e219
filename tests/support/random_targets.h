// Targets by seed, as each loss asks for them.

#ifndef TESTS_SUPPORT_RANDOM_TARGETS_H_
#define TESTS_SUPPORT_RANDOM_TARGETS_H_

#include <cmath>
#include <cstdint>
#include <random>

#include "core/batch.h"
#include "core/losses/kinds.h"
#include "tests/support/random_network.h"

namespace descent::testing {

enum class TargetForm { kValues, kClasses };

// Valid targets of the kind. As classes: in [0, outputs), or 0 and 1 for one output of probability.
inline Targets RandomTargets(TargetKind kind, TargetForm form, DataType type, std::int64_t rows,
                             std::int64_t outputs, std::uint64_t seed) {
  if (form == TargetForm::kClasses) {
    const std::int64_t classes = kind == TargetKind::kProbability ? 2 : outputs;
    std::mt19937_64 random(seed);
    ClassIndices indices;
    for (std::int64_t i = 0; i < rows; ++i) {
      indices.push_back(static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(classes)));
    }
    return indices;
  }
  switch (kind) {
    case TargetKind::kReal:
      return RandomMatrix(type, rows, outputs, seed, -2, 2);
    case TargetKind::kProbability:
      return RandomMatrix(type, rows, outputs, seed, 0, 1);
    case TargetKind::kCount: {
      Matrix counts = RandomMatrix(type, rows, outputs, seed, 0, 6);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < outputs; ++j) counts.Set(i, j, std::floor(counts.At(i, j)));
      }
      return counts;
    }
    case TargetKind::kDistribution: {
      Matrix rows_of_one = RandomMatrix(type, rows, outputs, seed, 0.05, 1);
      for (std::int64_t i = 0; i < rows; ++i) {
        double sum = 0;
        for (std::int64_t j = 0; j < outputs; ++j) sum += rows_of_one.At(i, j);
        for (std::int64_t j = 0; j < outputs; ++j) {
          rows_of_one.Set(i, j, rows_of_one.At(i, j) / sum);
        }
      }
      return rows_of_one;
    }
  }
  return Matrix();
}

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_RANDOM_TARGETS_H_
