// Half the squared error. With r = w - y over D outputs, the loss of one row is
//
//   ½ Σ r²
//
// and its gradient r: equation 11.4 of the one-layer network that the engine generalises.

#ifndef CORE_LOSSES_HALF_SQUARED_ERROR_H_
#define CORE_LOSSES_HALF_SQUARED_ERROR_H_

#include "core/kernels/packet.h"
#include "core/losses/element_loss.h"
#include "core/losses/target_checks.h"

namespace descent::losses {

struct HalfSquaredError {
  static constexpr Reduction kReduction = Reduction::kSum;
  static constexpr TargetRange kTargets = TargetRange::kAny;

  template <typename T>
  LossTerm<T> operator()(Packet<T> w, Packet<T> y) const {
    const Packet<T> r = w - y;
    return {0.5 * r * r, r};
  }
};

}  // namespace descent::losses

#endif  // CORE_LOSSES_HALF_SQUARED_ERROR_H_
