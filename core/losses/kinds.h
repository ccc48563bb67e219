// The family of losses: one row per kind.

#ifndef CORE_LOSSES_KINDS_H_
#define CORE_LOSSES_KINDS_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/losses/loss.h"
#include "core/spec.h"

namespace descent {

// What a loss's targets mean, hence which metrics describe a model.
enum class TargetKind : std::uint8_t {
  kReal,          // regression: any number
  kCount,         // regression: numbers >= 0, predicted by their rate
  kProbability,   // numbers in [0, 1] for each output
  kDistribution,  // class indices, or rows of probabilities that sum to 1
};

struct LossInfo {
  std::string_view name;  // "mean_squared_error"
  LossSpec defaults;      // the alternative with its default parameters
  TargetKind targets;
  // Of the row's alternative. kInvalidArgument naming the parameter ("delta") that is out of range.
  absl::StatusOr<std::unique_ptr<Loss>> (*make)(const LossSpec& spec);
};

// Row i describes alternative i of LossSpec.
absl::Span<const LossInfo> Losses();

const LossInfo& GetLossInfo(const LossSpec& spec);

absl::StatusOr<std::unique_ptr<Loss>> MakeLoss(const LossSpec& spec);

}  // namespace descent

#endif  // CORE_LOSSES_KINDS_H_
