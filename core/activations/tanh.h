// The hyperbolic tangent: σ(z) = tanh z, σ′ = 1 - a².

#ifndef CORE_ACTIVATIONS_TANH_H_
#define CORE_ACTIVATIONS_TANH_H_

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"

namespace descent::activations {

using kernels::Packet;

struct Tanh {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return kernels::Tanh(z);
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> a) const {
    return MulAdd(-a, a, 1);
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_TANH_H_
