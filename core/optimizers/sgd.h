// Stochastic gradient descent with momentum, as PyTorch's SGD:
//
//   g ← g + weight_decay p
//   m ← momentum m + g                            (m = g at first, for m begins at 0)
//   p ← p - lr (nesterov ? g + momentum m : m)
//
// Slots: momentum_buffer (m), when momentum is not 0.
// Source: Sutskever et al. (2013), ICML, 1139-1147.

#ifndef CORE_OPTIMIZERS_SGD_H_
#define CORE_OPTIMIZERS_SGD_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/optimizers/optimizer.h"
#include "core/spec.h"

namespace descent::optimizers {

// kInvalidArgument unless 0 <= momentum < 1, weight_decay >= 0, and momentum > 0 with nesterov.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeSgd(const SgdOptions& options);

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_SGD_H_
