#include "core/losses/kinds.h"

#include <cmath>
#include <iterator>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"
#include "core/losses/binary_cross_entropy.h"
#include "core/losses/element_loss.h"
#include "core/losses/half_squared_error.h"
#include "core/losses/huber.h"
#include "core/losses/log_cosh.h"
#include "core/losses/mean_absolute_error.h"
#include "core/losses/mean_squared_error.h"
#include "core/losses/poisson.h"
#include "core/losses/quantile.h"
#include "core/losses/softmax_cross_entropy.h"

namespace descent {
namespace {

using losses::ElementLoss;

using MadeLoss = absl::StatusOr<std::unique_ptr<Loss>>;

template <typename Function>
MadeLoss Make(const LossSpec& /*spec*/) {
  return std::make_unique<ElementLoss<Function>>(Function{});
}

MadeLoss MakeHuber(const LossSpec& spec) {
  const double delta = std::get<HuberLoss>(spec).delta;
  if (!(delta > 0 && std::isfinite(delta))) {
    return InvalidField("delta", absl::StrCat("expected a finite number > 0, got ", delta));
  }
  return std::make_unique<ElementLoss<losses::Huber>>(losses::Huber{delta});
}

MadeLoss MakeQuantile(const LossSpec& spec) {
  const double delta = std::get<QuantileLoss>(spec).delta;
  if (!(delta > 0 && delta < 1)) {
    return InvalidField("delta", absl::StrCat("expected a quantile in (0, 1), got ", delta));
  }
  return std::make_unique<ElementLoss<losses::Quantile>>(losses::Quantile{delta});
}

MadeLoss MakeSoftmaxCrossEntropy(const LossSpec& spec) {
  const double label_smoothing = std::get<SoftmaxCrossEntropyLoss>(spec).label_smoothing;
  if (!(label_smoothing >= 0 && label_smoothing < 1)) {
    return InvalidField("label_smoothing",
                        absl::StrCat("expected a number in [0, 1), got ", label_smoothing));
  }
  return std::make_unique<losses::SoftmaxCrossEntropy>(label_smoothing);
}

using enum TargetKind;

constexpr LossInfo kLosses[] = {
    {"half_squared_error", HalfSquaredErrorLoss{}, kReal, Make<losses::HalfSquaredError>},
    {"mean_squared_error", MeanSquaredErrorLoss{}, kReal, Make<losses::MeanSquaredError>},
    {"mean_absolute_error", MeanAbsoluteErrorLoss{}, kReal, Make<losses::MeanAbsoluteError>},
    {"huber", HuberLoss{}, kReal, MakeHuber},
    {"log_cosh", LogCoshLoss{}, kReal, Make<losses::LogCosh>},
    {"softmax_cross_entropy", SoftmaxCrossEntropyLoss{}, kDistribution, MakeSoftmaxCrossEntropy},
    {"binary_cross_entropy", BinaryCrossEntropyLoss{}, kProbability,
     Make<losses::BinaryCrossEntropy>},
    {"poisson", PoissonLoss{}, kCount, Make<losses::Poisson>},
    {"quantile", QuantileLoss{}, kReal, MakeQuantile},
};
static_assert(std::size(kLosses) == std::variant_size_v<LossSpec>);

}  // namespace

absl::Span<const LossInfo> Losses() { return kLosses; }

const LossInfo& GetLossInfo(const LossSpec& spec) {
  DESCENT_CHECK(kLosses[spec.index()].defaults.index() == spec.index());
  return kLosses[spec.index()];
}

absl::StatusOr<std::unique_ptr<Loss>> MakeLoss(const LossSpec& spec) {
  return GetLossInfo(spec).make(spec);
}

}  // namespace descent
