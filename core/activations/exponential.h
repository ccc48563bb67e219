// The exponential, of layers that predict rates: σ(z) = eᶻ, σ′ = a.

#ifndef CORE_ACTIVATIONS_EXPONENTIAL_H_
#define CORE_ACTIVATIONS_EXPONENTIAL_H_

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"

namespace descent::activations {

using kernels::Packet;

struct Exponential {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return kernels::Exp(z);
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> a) const {
    return a;
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_EXPONENTIAL_H_
