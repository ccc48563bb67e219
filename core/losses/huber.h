// The Huber loss: quadratic near zero, linear for outliers.
// Source: Huber (1964), Annals of Mathematical Statistics 35(1), 73-101.
//
// With r = w - y over D outputs, the loss of one row is
//
//   mean over D of   r² / 2                    if |r| <= delta
//                    delta (|r| - delta / 2)   otherwise
//
// and its gradient clamp(r, -delta, delta) / D. `delta` > 0 has the targets' unit.

#ifndef CORE_LOSSES_HUBER_H_
#define CORE_LOSSES_HUBER_H_

#include "core/kernels/packet.h"
#include "core/losses/element_loss.h"
#include "core/losses/target_checks.h"

namespace descent::losses {

struct Huber {
  static constexpr Reduction kReduction = Reduction::kMean;
  static constexpr TargetRange kTargets = TargetRange::kAny;

  template <typename T>
  LossTerm<T> operator()(Packet<T> w, Packet<T> y) const {
    const Packet<T> r = w - y;
    const Packet<T> size = Abs(r);
    return {Select(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta)),
            kernels::Clamp(r, -delta, delta)};
  }

  double delta;
};

}  // namespace descent::losses

#endif  // CORE_LOSSES_HUBER_H_
