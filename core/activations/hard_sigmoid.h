// A piecewise linear sigmoid: σ(z) = min(max(z + 3, 0), 6) / 6, σ′ = 1/6 for -3 < z < 3, else 0.
// Source: PyTorch's Hardsigmoid; Howard et al. (2019), arXiv:1905.02244.

#ifndef CORE_ACTIVATIONS_HARD_SIGMOID_H_
#define CORE_ACTIVATIONS_HARD_SIGMOID_H_

#include "core/kernels/packet.h"

namespace descent::activations {

using kernels::Packet;

struct HardSigmoid {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return kernels::Clamp(z + 3, 0, 6) / 6;
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> a) const {
    return Select((a > 0) & (a < 1), 1.0 / 6, 0);
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_HARD_SIGMOID_H_
