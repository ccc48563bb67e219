// Adadelta, as PyTorch's:
//
//   g ← g + weight_decay p
//   v ← ρ v + (1 - ρ) g²
//   d = sqrt(u + epsilon) / sqrt(v + epsilon) g
//   u ← ρ u + (1 - ρ) d²
//   p ← p - lr d
//
// Slots: square_avg (v), acc_delta (u).
// Source: Zeiler (2012), arXiv:1212.5701.

#ifndef CORE_OPTIMIZERS_ADADELTA_H_
#define CORE_OPTIMIZERS_ADADELTA_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/optimizers/optimizer.h"
#include "core/spec.h"

namespace descent::optimizers {

// kInvalidArgument unless 0 <= ρ < 1, epsilon >= 1e-30 and weight_decay >= 0.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdadelta(const AdadeltaOptions& options);

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_ADADELTA_H_
