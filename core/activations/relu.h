// The rectifier: σ(z) = max(z, 0), σ′ = 1 for z > 0, else 0.
// Source: Nair & Hinton (2010), ICML, 807-814.

#ifndef CORE_ACTIVATIONS_RELU_H_
#define CORE_ACTIVATIONS_RELU_H_

#include "core/kernels/packet.h"

namespace descent::activations {

using kernels::Packet;

struct Relu {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return Max(z, 0);
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> a) const {
    return Select(a > 0, 1, 0);
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_RELU_H_
