// Adam with Nesterov momentum, as PyTorch's NAdam (as documented, and computed since 2.0):
//
//   g ← g + weight_decay p
//   μ_t = β1 (1 - 0.96^(t momentum_decay) / 2)       M_t = μ_1 … μ_t
//   m ← β1 m + (1 - β1) g
//   v ← β2 v + (1 - β2) g²
//   d = (1 - μ_t) / (1 - M_t) g + μ_{t+1} / (1 - M_{t+1}) m
//   p ← p - lr d / (sqrt(v / (1 - β2ᵗ)) + epsilon)
//
// Slots: exp_avg (m), exp_avg_sq (v). Scalars: mu_product (M).
// Source: Dozat (2016), ICLR workshop.

#ifndef CORE_OPTIMIZERS_NADAM_H_
#define CORE_OPTIMIZERS_NADAM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/optimizers/optimizer.h"
#include "core/spec.h"

namespace descent::optimizers {

// kInvalidArgument unless 0 <= β1, β2 < 1, epsilon >= 1e-30 and momentum_decay, weight_decay >= 0.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeNadam(const NadamOptions& options);

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_NADAM_H_
