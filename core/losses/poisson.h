// The negative log-likelihood of counts y >= 0 under a Poisson distribution whose rate is e^w,
// without the terms of y alone (PyTorch's PoissonNLLLoss, log_input, not full). The loss of one row
// is
//
//   mean over D of e^w - y w
//
// and its gradient (e^w - y) / D. In the targets' terms an output is the rate e^w.

#ifndef CORE_LOSSES_POISSON_H_
#define CORE_LOSSES_POISSON_H_

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"
#include "core/losses/element_loss.h"
#include "core/losses/target_checks.h"

namespace descent::losses {

struct Poisson {
  static constexpr Reduction kReduction = Reduction::kMean;
  static constexpr TargetRange kTargets = TargetRange::kNonNegative;

  template <typename T>
  LossTerm<T> operator()(Packet<T> w, Packet<T> y) const {
    const Packet<T> rate = kernels::Exp(w);
    return {MulAdd(-y, w, rate), rate - y};
  }

  template <typename T>
  Packet<T> ToTargetTerms(Packet<T> w) const {
    return kernels::Exp(w);
  }
};

}  // namespace descent::losses

#endif  // CORE_LOSSES_POISSON_H_
