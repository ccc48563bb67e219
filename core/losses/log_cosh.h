// The logarithm of the hyperbolic cosine: nearly r² / 2 near zero, |r| - log 2 for outliers, smooth
// everywhere. With r = w - y over D outputs, the loss of one row is
//
//   mean over D of log cosh r
//
// and its gradient tanh(r) / D. With t = e^-|r| - 1, exact near zero,
//
//   log cosh r = log(1 + t² / (2 (1 + t)))           for |r| < 1: cosh r - 1 without cancellation
//              = |r| - log 2 + log(1 + (1 + t)²)     beyond

#ifndef CORE_LOSSES_LOG_COSH_H_
#define CORE_LOSSES_LOG_COSH_H_

#include <numbers>

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"
#include "core/losses/element_loss.h"
#include "core/losses/target_checks.h"

namespace descent::losses {

struct LogCosh {
  static constexpr Reduction kReduction = Reduction::kMean;
  static constexpr TargetRange kTargets = TargetRange::kAny;

  template <typename T>
  LossTerm<T> operator()(Packet<T> w, Packet<T> y) const {
    using P = Packet<T>;
    const P r = w - y;
    const P size = Abs(r);
    const P t = kernels::Expm1(-size);
    const P power = 1 + t;
    const auto near = size < 1;
    const P rest = kernels::Log1p(Select(near, t * t / (2 * power), power * power));
    return {Select(near, rest, (size - std::numbers::ln2) + rest), kernels::Tanh(r)};
  }
};

}  // namespace descent::losses

#endif  // CORE_LOSSES_LOG_COSH_H_
