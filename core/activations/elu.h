// The exponential linear unit: σ(z) = z for z > 0, else α(eᶻ - 1); σ′ = 1 for z > 0, else
// αeᶻ = a + α.
// Source: Clevert et al. (2016), arXiv:1511.07289.

#ifndef CORE_ACTIVATIONS_ELU_H_
#define CORE_ACTIVATIONS_ELU_H_

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"

namespace descent::activations {

using kernels::Packet;

struct Elu {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return Select(z > 0, z, alpha * kernels::Expm1(z));
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> z, Packet<T> a) const {
    return Select(z > 0, 1, a + alpha);
  }

  double alpha;
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_ELU_H_
