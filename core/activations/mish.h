// Mish: σ(z) = z tanh(softplus z). With E = eᶻ and n = E (E + 2),
//
//   tanh(softplus z) = ((1 + E)² - 1) / ((1 + E)² + 1) = n / (n + 2)
//   σ′ = n / (n + 2) + 4 z E (1 + E) / (n + 2)²
//
// Source: Misra (2019), arXiv:1908.08681.

#ifndef CORE_ACTIVATIONS_MISH_H_
#define CORE_ACTIVATIONS_MISH_H_

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"

namespace descent::activations {

using kernels::Packet;

struct Mish {
  // Where n / (n + 2) has long rounded to 1, so that n² stays finite beyond.
  static constexpr double kSaturated = 21;

  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    const Packet<T> e = kernels::Exp(Min(z, kSaturated));
    const Packet<T> n = e * (e + 2);
    return z * (n / (n + 2));
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> z, Packet<T>) const {
    const Packet<T> c = Min(z, kSaturated);
    const Packet<T> e = kernels::Exp(c);
    const Packet<T> n = e * (e + 2);
    const Packet<T> inverse = 1 / (n + 2);
    return MulAdd(4 * c * e * (1 + e) * inverse, inverse, n * inverse);
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_MISH_H_
