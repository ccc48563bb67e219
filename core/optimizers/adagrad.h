// Adagrad, as PyTorch's:
//
//   g ← g + weight_decay p
//   s ← s + g²
//   p ← p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + epsilon)
//
// Slots: sum (s), beginning at initial_accumulator_value.
// Source: Duchi et al. (2011), JMLR 12, 2121-2159.

#ifndef CORE_OPTIMIZERS_ADAGRAD_H_
#define CORE_OPTIMIZERS_ADAGRAD_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/optimizers/optimizer.h"
#include "core/spec.h"

namespace descent::optimizers {

// kInvalidArgument unless epsilon >= 1e-30 and initial_accumulator_value, lr_decay, weight_decay >=
// 0.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdagrad(const AdagradOptions& options);

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_ADAGRAD_H_
