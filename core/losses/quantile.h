// The pinball loss, least at the targets' q-quantile.
// Source: Koenker & Bassett (1978), Econometrica 46(1), 33-50.
//
// With r = w - y over D outputs and 0 < q < 1, the loss of one row is
//
//   mean over D of   -q r         if r < 0
//                    (1 - q) r    otherwise
//
// and its gradient -q / D for r < 0, (1 - q) / D for r > 0, 0 at r = 0.

#ifndef CORE_LOSSES_QUANTILE_H_
#define CORE_LOSSES_QUANTILE_H_

#include "core/kernels/packet.h"
#include "core/losses/element_loss.h"
#include "core/losses/target_checks.h"

namespace descent::losses {

struct Quantile {
  static constexpr Reduction kReduction = Reduction::kMean;
  static constexpr TargetRange kTargets = TargetRange::kAny;

  template <typename T>
  LossTerm<T> operator()(Packet<T> w, Packet<T> y) const {
    const Packet<T> r = w - y;
    return {Max((1 - q) * r, -q * r), Select(r > 0, 1 - q, Select(r < 0, -q, r))};  // r: 0, or NaN
  }

  double q;
};

}  // namespace descent::losses

#endif  // CORE_LOSSES_QUANTILE_H_
