// What losses ask of their targets, with errors that say which one is wrong. Internal to the core.

#ifndef CORE_LOSSES_TARGET_CHECKS_H_
#define CORE_LOSSES_TARGET_CHECKS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "core/batch.h"

namespace descent::losses {

enum class TargetRange : std::uint8_t {
  kAny,           // any number
  kNonNegative,   // a count or rate, >= 0
  kUnitInterval,  // a probability, in [0, 1]
};

// kInvalidArgument naming field "targets" and the row and column of the first target out of range.
absl::Status CheckTargetRange(const Matrix& targets, TargetRange range);

// The same for rows that are no distributions: entries in [0, 1] whose sum is 1 to within 1e-3,
// which leaves room for probabilities that were rounded on their way.
absl::Status CheckDistributions(const Matrix& targets);

// The same for class indices outside [0, classes).
absl::Status CheckClasses(const ClassIndices& targets, std::int64_t classes);

// The same for class indices as the targets of a single output: 0 or 1.
absl::Status CheckBinaryClasses(const ClassIndices& targets, std::int64_t outputs);

// The error of a loss that takes no class indices.
absl::Status RefuseClassIndices();

}  // namespace descent::losses

#endif  // CORE_LOSSES_TARGET_CHECKS_H_
