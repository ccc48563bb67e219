// The identity, of linear output layers: σ(z) = z, σ′(z) = 1.

#ifndef CORE_ACTIVATIONS_IDENTITY_H_
#define CORE_ACTIVATIONS_IDENTITY_H_

#include "core/kernels/packet.h"

namespace descent::activations {

using kernels::Packet;

struct Identity {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return z;
  }
  template <typename T>
  Packet<T> Derivative(Packet<T>) const {
    return 1;
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_IDENTITY_H_
