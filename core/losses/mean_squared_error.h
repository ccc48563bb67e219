// The mean squared error. With r = w - y over D outputs, the loss of one row is
//
//   mean over D of r²
//
// and its gradient 2r / D.

#ifndef CORE_LOSSES_MEAN_SQUARED_ERROR_H_
#define CORE_LOSSES_MEAN_SQUARED_ERROR_H_

#include "core/kernels/packet.h"
#include "core/losses/element_loss.h"
#include "core/losses/target_checks.h"

namespace descent::losses {

struct MeanSquaredError {
  static constexpr Reduction kReduction = Reduction::kMean;
  static constexpr TargetRange kTargets = TargetRange::kAny;

  template <typename T>
  LossTerm<T> operator()(Packet<T> w, Packet<T> y) const {
    const Packet<T> r = w - y;
    return {r * r, 2 * r};
  }
};

}  // namespace descent::losses

#endif  // CORE_LOSSES_MEAN_SQUARED_ERROR_H_
