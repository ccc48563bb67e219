// The binary cross-entropy of the sigmoid of the outputs: they are logits. With targets y in [0, 1]
// (or, for a single output, class indices 0 and 1), the loss of one row is
//
//   mean over D of -y log s - (1 - y) log(1 - s)      s = 1 / (1 + e^-w)
//                = max(w, 0) - w y + log(1 + e^-|w|)
//
// and, by the joint derivative of the two functions, its gradient (s - y) / D. The second form is
// the stable one. In the targets' terms an output is s.

#ifndef CORE_LOSSES_BINARY_CROSS_ENTROPY_H_
#define CORE_LOSSES_BINARY_CROSS_ENTROPY_H_

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"
#include "core/losses/element_loss.h"
#include "core/losses/target_checks.h"

namespace descent::losses {

struct BinaryCrossEntropy {
  static constexpr Reduction kReduction = Reduction::kMean;
  static constexpr TargetRange kTargets = TargetRange::kUnitInterval;

  template <typename T>
  LossTerm<T> operator()(Packet<T> w, Packet<T> y) const {
    return {MulAdd(-w, y, Max(w, 0)) + kernels::Log1p(kernels::Exp(-Abs(w))),
            kernels::Sigmoid(w) - y};
  }

  template <typename T>
  Packet<T> ToTargetTerms(Packet<T> w) const {
    return kernels::Sigmoid(w);
  }
};

}  // namespace descent::losses

#endif  // CORE_LOSSES_BINARY_CROSS_ENTROPY_H_
