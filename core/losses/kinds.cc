#include "core/losses/kinds.h"

#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>

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
#include "core/status_macros.h"

namespace descent {
namespace {

using losses::ElementLoss;

using MadeLoss = absl::StatusOr<std::unique_ptr<Loss>>;

template <typename Function>
MadeLoss Make(double /*delta*/, double /*label_smoothing*/) {
  return std::make_unique<ElementLoss<Function>>(Function{});
}

MadeLoss MakeHuber(double delta, double /*label_smoothing*/) {
  if (!(delta > 0 && std::isfinite(delta))) {
    return InvalidField("delta", absl::StrCat("expected a finite number > 0, got ", delta));
  }
  return std::make_unique<ElementLoss<losses::Huber>>(losses::Huber{delta});
}

MadeLoss MakeQuantile(double delta, double /*label_smoothing*/) {
  if (!(delta > 0 && delta < 1))
    return InvalidField("delta", absl::StrCat("expected a quantile in (0, 1), got ", delta));
  return std::make_unique<ElementLoss<losses::Quantile>>(losses::Quantile{delta});
}

MadeLoss MakeSoftmaxCrossEntropy(double /*delta*/, double label_smoothing) {
  if (!(label_smoothing >= 0 && label_smoothing < 1)) {
    return InvalidField("label_smoothing",
                        absl::StrCat("expected a number in [0, 1), got ", label_smoothing));
  }
  return std::make_unique<losses::SoftmaxCrossEntropy>(label_smoothing);
}

using enum LossKind;
using enum TargetKind;
constexpr std::nullopt_t kNone = std::nullopt;

constexpr LossInfo kLosses[] = {
    {kHalfSquaredError, "half_squared_error", kReal, kNone, kNone, Make<losses::HalfSquaredError>},
    {kMeanSquaredError, "mean_squared_error", kReal, kNone, kNone, Make<losses::MeanSquaredError>},
    {kMeanAbsoluteError, "mean_absolute_error", kReal, kNone, kNone,
     Make<losses::MeanAbsoluteError>},
    {kHuber, "huber", kReal, 1.0, kNone, MakeHuber},
    {kLogCosh, "log_cosh", kReal, kNone, kNone, Make<losses::LogCosh>},
    {kSoftmaxCrossEntropy, "softmax_cross_entropy", kDistribution, kNone, 0.0,
     MakeSoftmaxCrossEntropy},
    {kBinaryCrossEntropy, "binary_cross_entropy", kProbability, kNone, kNone,
     Make<losses::BinaryCrossEntropy>},
    {kPoisson, "poisson", kCount, kNone, kNone, Make<losses::Poisson>},
    {kQuantile, "quantile", kReal, 0.5, kNone, MakeQuantile},
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
  if (spec.delta.has_value() && !info.default_delta.has_value()) {
    return InvalidField("delta", "not taken by loss " + std::string(info.name));
  }
  if (spec.label_smoothing.has_value() && !info.default_label_smoothing.has_value()) {
    return InvalidField("label_smoothing", "not taken by loss " + std::string(info.name));
  }
  return info.make(spec.delta.value_or(info.default_delta.value_or(0)),
                   spec.label_smoothing.value_or(info.default_label_smoothing.value_or(0)));
}

}  // namespace descent
