// The rectifier capped at 6: σ(z) = min(max(z, 0), 6), σ′ = 1 for 0 < z < 6, else 0.
// Source: Krizhevsky (2010), Convolutional deep belief networks on CIFAR-10.

#ifndef CORE_ACTIVATIONS_RELU6_H_
#define CORE_ACTIVATIONS_RELU6_H_

#include "core/kernels/packet.h"

namespace descent::activations {

using kernels::Packet;

struct Relu6 {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return kernels::Clamp(z, 0, 6);
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> a) const {
    return Select((a > 0) & (a < 6), 1, 0);
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_RELU6_H_
