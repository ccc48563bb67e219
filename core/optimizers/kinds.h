// The family of optimizers: one row per kind, in the order of OptimizerOptions' alternatives.

#ifndef CORE_OPTIMIZERS_KINDS_H_
#define CORE_OPTIMIZERS_KINDS_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/optimizers/optimizer.h"
#include "core/spec.h"

namespace descent {

struct OptimizerInfo {
  std::string_view name;         // "adam"
  OptimizerOptions defaults;     // the alternative with its default hyperparameters
  double default_learning_rate;  // what the field commonly starts from
  // kInvalidArgument naming the hyperparameter ("beta1") that is out of range or not finite.
  absl::StatusOr<std::unique_ptr<Optimizer>> (*make)(const OptimizerOptions& options);
};

// Row i describes alternative i of OptimizerOptions.
absl::Span<const OptimizerInfo> Optimizers();

// The named optimizer's row.
const OptimizerInfo& GetOptimizerInfo(const OptimizerOptions& options);

absl::StatusOr<std::unique_ptr<Optimizer>> MakeOptimizer(const OptimizerOptions& options);

// Checks all of a spec: learning rate (finite, >= 0), algorithm, schedule, clipping.
// kInvalidArgument naming the field ("learning_rate", "adam.beta1", "clip_norm", …).
absl::Status ValidateOptimizerSpec(const OptimizerSpec& spec);

}  // namespace descent

#endif  // CORE_OPTIMIZERS_KINDS_H_
