// The logistic function: σ(z) = 1 / (1 + e⁻ᶻ), σ′ = a (1 - a).

#ifndef CORE_ACTIVATIONS_SIGMOID_H_
#define CORE_ACTIVATIONS_SIGMOID_H_

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"

namespace descent::activations {

using kernels::Packet;

struct Sigmoid {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return kernels::Sigmoid(z);
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> a) const {
    return a * (1 - a);
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_SIGMOID_H_
