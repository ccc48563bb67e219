// RMSprop, as PyTorch's:
//
//   g ← g + weight_decay p
//   v ← α v + (1 - α) g²
//   centered: h ← α h + (1 - α) g, and max(v - h², 0) for v below
//   d = g / (sqrt(v) + epsilon)
//   momentum: b ← momentum b + d, and b for d below
//   p ← p - lr d
//
// v - h² is a variance; where rounding makes it negative PyTorch's root is NaN.
// Slots: square_avg (v), with momentum momentum_buffer (b), if centered grad_avg (h).
// Source: Tieleman & Hinton (2012), Coursera lecture 6.5; centered: Graves (2013), arXiv:1308.0850.

#ifndef CORE_OPTIMIZERS_RMSPROP_H_
#define CORE_OPTIMIZERS_RMSPROP_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/optimizers/optimizer.h"
#include "core/spec.h"

namespace descent::optimizers {

// kInvalidArgument unless 0 <= α, momentum < 1, epsilon >= 1e-30 and weight_decay >= 0.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeRmsProp(const RmsPropOptions& options);

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_RMSPROP_H_
