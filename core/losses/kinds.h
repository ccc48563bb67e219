// The family of losses: one row per kind.

#ifndef CORE_LOSSES_KINDS_H_
#define CORE_LOSSES_KINDS_H_

#include <memory>
#include <optional>
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
  LossKind kind;
  std::string_view name;  // "mean_squared_error"
  TargetKind targets;
  std::optional<double> default_delta;            // unset: the kind has no delta
  std::optional<double> default_label_smoothing;  // unset: the kind has none
  // kInvalidArgument naming the hyperparameter that is out of range.
  absl::StatusOr<std::unique_ptr<Loss>> (*make)(double delta, double label_smoothing);
};

// Every loss, in the order of the enum.
absl::Span<const LossInfo> Losses();

const LossInfo& GetLossInfo(LossKind kind);

// kInvalidArgument (field "delta" or "label_smoothing") for hyperparameters that the kind does not
// take or that are out of range.
absl::StatusOr<std::unique_ptr<Loss>> MakeLoss(const LossSpec& spec);

}  // namespace descent

#endif  // CORE_LOSSES_KINDS_H_
