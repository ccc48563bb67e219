// What a running mean that began at zero falls short by. Internal to the core.

#ifndef CORE_OPTIMIZERS_BIAS_CORRECTION_H_
#define CORE_OPTIMIZERS_BIAS_CORRECTION_H_

#include <cstdint>

#include "core/kernels/portable_math.h"

namespace descent::optimizers {

class BiasCorrection {
 public:
  // `beta`: the mean's decay rate, in [0, 1).
  explicit BiasCorrection(double beta) : log_beta_(portable::Log(beta)) {}

  // 1 - beta^t, for t >= 1; without the rounding of beta^t, which is close to 1 at first.
  double At(std::int64_t t) const { return -portable::Expm1(static_cast<double>(t) * log_beta_); }

 private:
  double log_beta_;
};

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_BIAS_CORRECTION_H_
