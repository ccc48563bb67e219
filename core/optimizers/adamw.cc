#include "core/optimizers/adamw.h"

#include "core/optimizers/adam.h"

namespace descent::optimizers {

absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdamW(const AdamWOptions& options) {
  return MakeAdamWithDecay({.beta1 = options.beta1,
                            .beta2 = options.beta2,
                            .epsilon = options.epsilon,
                            .weight_decay = options.weight_decay,
                            .amsgrad = options.amsgrad},
                           WeightDecay::kDecoupled);
}

}  // namespace descent::optimizers
