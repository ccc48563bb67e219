// Checks of hyperparameters, each kInvalidArgument naming `field`. What is positive or finite has
// to be that in float32 too. Internal to the core.

#ifndef CORE_OPTIMIZERS_HYPERPARAMETERS_H_
#define CORE_OPTIMIZERS_HYPERPARAMETERS_H_

#include <string_view>

#include "absl/status/status.h"

namespace descent::optimizers {

// The factor of a running mean, in [0, 1).
absl::Status CheckDecayRate(std::string_view field, double value);

// In [0, 1e30].
absl::Status CheckNonNegative(std::string_view field, double value);

// In [1e-30, 1e30]: what keeps a denominator away from zero.
absl::Status CheckEpsilon(std::string_view field, double value);

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_HYPERPARAMETERS_H_
