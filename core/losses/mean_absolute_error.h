// The mean absolute error. With r = w - y over D outputs, the loss of one row is
//
//   mean over D of |r|
//
// and its gradient sign(r) / D, 0 at r = 0.

#ifndef CORE_LOSSES_MEAN_ABSOLUTE_ERROR_H_
#define CORE_LOSSES_MEAN_ABSOLUTE_ERROR_H_

#include "core/kernels/packet.h"
#include "core/losses/element_loss.h"
#include "core/losses/target_checks.h"

namespace descent::losses {

struct MeanAbsoluteError {
  static constexpr Reduction kReduction = Reduction::kMean;
  static constexpr TargetRange kTargets = TargetRange::kAny;

  template <typename T>
  LossTerm<T> operator()(Packet<T> w, Packet<T> y) const {
    const Packet<T> r = w - y;
    return {Abs(r), Select(r > 0, 1, Select(r < 0, -1, r))};  // r itself: 0, or NaN
  }
};

}  // namespace descent::losses

#endif  // CORE_LOSSES_MEAN_ABSOLUTE_ERROR_H_
