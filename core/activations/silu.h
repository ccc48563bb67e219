// The sigmoid-weighted linear unit (swish): σ(z) = zs, σ′ = s + a (1 - s), with s = 1 / (1 + e⁻ᶻ).
// Source: Elfwing et al. (2018), Neural Networks 107, 3-11.

#ifndef CORE_ACTIVATIONS_SILU_H_
#define CORE_ACTIVATIONS_SILU_H_

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"

namespace descent::activations {

using kernels::Packet;

struct Silu {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return z * kernels::Sigmoid(z);
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> z, Packet<T> a) const {
    const Packet<T> s = kernels::Sigmoid(z);
    return MulAdd(a, 1 - s, s);
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_SILU_H_
