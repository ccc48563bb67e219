// Adam with decoupled weight decay, as PyTorch's AdamW:
//
//   p ← p (1 - lr weight_decay), then Adam's update (adam.h) without weight decay
//
// Source: Loshchilov & Hutter (2019), arXiv:1711.05101.

#ifndef CORE_OPTIMIZERS_ADAMW_H_
#define CORE_OPTIMIZERS_ADAMW_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/optimizers/optimizer.h"
#include "core/spec.h"

namespace descent::optimizers {

// kInvalidArgument as MakeAdam.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdamW(const AdamWOptions& options);

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_ADAMW_H_
