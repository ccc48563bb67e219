// Lion (evolved sign momentum), algorithm 2 of the paper:
//
//   p ← p - lr (sign(β1 m + (1 - β1) g) + weight_decay p)
//   m ← β2 m + (1 - β2) g
//
// Slots: exp_avg (m).
// Source: Chen et al. (2023), arXiv:2302.06675.

#ifndef CORE_OPTIMIZERS_LION_H_
#define CORE_OPTIMIZERS_LION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/optimizers/optimizer.h"
#include "core/spec.h"

namespace descent::optimizers {

// kInvalidArgument unless 0 <= β1, β2 < 1 and weight_decay >= 0.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeLion(const LionOptions& options);

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_LION_H_
