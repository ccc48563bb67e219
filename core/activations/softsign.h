// Softsign: σ(z) = z / (1 + |z|), σ′ = 1 / (1 + |z|)².
// Source: Bergstra et al. (2009), technical report 1337, Université de Montréal.

#ifndef CORE_ACTIVATIONS_SOFTSIGN_H_
#define CORE_ACTIVATIONS_SOFTSIGN_H_

#include "core/kernels/packet.h"

namespace descent::activations {

using kernels::Packet;

struct Softsign {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return z / (1 + Abs(z));
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> z, Packet<T>) const {
    const Packet<T> inverse = 1 / (1 + Abs(z));
    return inverse * inverse;
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_SOFTSIGN_H_
