// The piecewise form of SILU: σ(z) = z min(max(z + 3, 0), 6) / 6; σ′ = 0 for z < -3,
// z / 3 + 1 / 2 up to 3, 1 beyond.
// Source: Howard et al. (2019), arXiv:1905.02244.

#ifndef CORE_ACTIVATIONS_HARD_SWISH_H_
#define CORE_ACTIVATIONS_HARD_SWISH_H_

#include "core/kernels/packet.h"

namespace descent::activations {

using kernels::Packet;

struct HardSwish {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return z * kernels::Clamp(z + 3, 0, 6) / 6;
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> z, Packet<T>) const {
    const Packet<T> middle = z / 3 + 0.5;
    return Select(z < -3, 0, Select(z <= 3, middle, 1));
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_HARD_SWISH_H_
