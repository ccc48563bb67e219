#include "core/losses/kinds.h"

#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"
#include "core/kind_parameters.h"
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
#include "core/status_macros.h"

namespace descent {
namespace {

using losses::ElementLoss;

using MadeLoss = absl::StatusOr<std::unique_ptr<Loss>>;

template <typename Function>
MadeLoss Make(const LossSpec& /*spec*/) {
  return std::make_unique<ElementLoss<Function>>(Function{});
}

MadeLoss MakeHuber(const LossSpec& spec) {
  const double delta = Taken(spec.delta);
  if (!(delta > 0 && std::isfinite(delta))) {
    return InvalidField("delta", absl::StrCat("expected a finite number > 0, got ", delta));
  }
  return std::make_unique<ElementLoss<losses::Huber>>(losses::Huber{delta});
}

MadeLoss MakeQuantile(const LossSpec& spec) {
  const double delta = Taken(spec.delta);
  if (!(delta > 0 && delta < 1)) {
    return InvalidField("delta", absl::StrCat("expected a quantile in (0, 1), got ", delta));
  }
  return std::make_unique<ElementLoss<losses::Quantile>>(losses::Quantile{delta});
}

MadeLoss MakeSoftmaxCrossEntropy(const LossSpec& spec) {
  const double label_smoothing = Taken(spec.label_smoothing);
  if (!(label_smoothing >= 0 && label_smoothing < 1)) {
    return InvalidField("label_smoothing",
                        absl::StrCat("expected a number in [0, 1), got ", label_smoothing));
  }
  return std::make_unique<losses::SoftmaxCrossEntropy>(label_smoothing);
}

using enum LossKind;
using enum TargetKind;

constexpr LossInfo kLosses[] = {
    {kHalfSquaredError, "half_squared_error", kReal, {}, Make<losses::HalfSquaredError>},
    {kMeanSquaredError, "mean_squared_error", kReal, {}, Make<losses::MeanSquaredError>},
    {kMeanAbsoluteError, "mean_absolute_error", kReal, {}, Make<losses::MeanAbsoluteError>},
    {kHuber, "huber", kReal, {.delta = 1}, MakeHuber},
    {kLogCosh, "log_cosh", kReal, {}, Make<losses::LogCosh>},
    {kSoftmaxCrossEntropy,
     "softmax_cross_entropy",
     kDistribution,
     {.label_smoothing = 0},
     MakeSoftmaxCrossEntropy},
    {kBinaryCrossEntropy,
     "binary_cross_entropy",
     kProbability,
     {},
     Make<losses::BinaryCrossEntropy>},
    {kPoisson, "poisson", kCount, {}, Make<losses::Poisson>},
    {kQuantile, "quantile", kReal, {.delta = 0.5}, MakeQuantile},
};

}  // namespace

absl::Span<const LossInfo> Losses() { return kLosses; }

const LossInfo& GetLossInfo(LossKind kind) {
  const auto row = static_cast<std::size_t>(kind);
  DESCENT_CHECK(row < std::size(kLosses));
  DESCENT_CHECK(kLosses[row].kind == kind);
  return kLosses[row];
}

absl::StatusOr<std::unique_ptr<Loss>> MakeLoss(const LossSpec& spec) {
  const LossInfo& info = GetLossInfo(spec.kind);
  ASSIGN_OR_RETURN(const LossSpec whole,
                   WithDefaults(spec, info.defaults, "loss " + std::string(info.name)));
  return info.make(whole);
}

}  // namespace descent
