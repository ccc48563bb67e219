// Adam, as PyTorch's:
//
//   g ← g + weight_decay p
//   m ← β1 m + (1 - β1) g
//   v ← β2 v + (1 - β2) g²                         amsgrad: u ← max(u, v), and u for v below
//   p ← p - lr / (1 - β1ᵗ) m / (sqrt(v) / sqrt(1 - β2ᵗ) + epsilon)
//
// Slots: exp_avg (m), exp_avg_sq (v), with amsgrad max_exp_avg_sq (u).
// Source: Kingma & Ba (2015), arXiv:1412.6980; amsgrad: Reddi et al. (2018), ICLR.

#ifndef CORE_OPTIMIZERS_ADAM_H_
#define CORE_OPTIMIZERS_ADAM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/optimizers/optimizer.h"
#include "core/spec.h"

namespace descent::optimizers {

enum class WeightDecay {
  kGradient,   // g ← g + weight_decay p: Adam
  kDecoupled,  // p ← p (1 - lr weight_decay) first: AdamW
};

// The update above with either kind of weight decay; errors as below.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdamWithDecay(const AdamOptions& options,
                                                             WeightDecay decay);

// kInvalidArgument unless 0 <= β1, β2 < 1, epsilon >= 1e-30 and weight_decay >= 0.
absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdam(const AdamOptions& options);

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_ADAM_H_
