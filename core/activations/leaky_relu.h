// The leaky rectifier: σ(z) = z for z > 0, else αz; σ′ = 1 for z > 0, else α.
// Source: Maas et al. (2013), ICML workshop on deep learning for audio, speech and language.

#ifndef CORE_ACTIVATIONS_LEAKY_RELU_H_
#define CORE_ACTIVATIONS_LEAKY_RELU_H_

#include "core/kernels/packet.h"

namespace descent::activations {

using kernels::Packet;

struct LeakyRelu {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return z * Derivative(z, z);
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> z, Packet<T>) const {
    return Select(z > 0, 1, alpha);
  }

  double alpha;
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_LEAKY_RELU_H_
