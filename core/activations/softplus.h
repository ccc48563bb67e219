// Softplus: σ(z) = log(1 + eᶻ), σ′ = 1 / (1 + e⁻ᶻ) = 1 - e⁻ᵃ. Stable at both ends: it is never
// replaced by z as PyTorch does above 20.
// Source: Dugas et al. (2001), NIPS 13, 472-478.

#ifndef CORE_ACTIVATIONS_SOFTPLUS_H_
#define CORE_ACTIVATIONS_SOFTPLUS_H_

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"

namespace descent::activations {

using kernels::Packet;

struct Softplus {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return kernels::Softplus(z);
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> a) const {
    return -kernels::Expm1(-a);
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_SOFTPLUS_H_
