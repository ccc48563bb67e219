// The Gaussian error linear unit in its tanh form, with u = sqrt(2 / π) (z + 0.044715 z³):
//
//   σ(z) = z (1 + tanh u) / 2 = z s                s = 1 / (1 + e^(-2u))
//   σ′   = s + 2 z s (1 - s) u′                    u′ = sqrt(2 / π) (1 + 3 · 0.044715 z²)
//
// Source: Hendrycks & Gimpel (2016), arXiv:1606.08415.

#ifndef CORE_ACTIVATIONS_GELU_TANH_H_
#define CORE_ACTIVATIONS_GELU_TANH_H_

#include <numbers>

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"

namespace descent::activations {

using kernels::Packet;

struct GeluTanh {
  static constexpr double kCubic = 0.044715;
  static constexpr double kTwoSlopes =
      2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi;  // 2 sqrt(2 / π)
  // Where s has long been 0 or 1, so that z³ stays finite beyond.
  static constexpr double kSaturated = 40;

  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return z * Gate(z);
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> z, Packet<T>) const {
    const Packet<T> c = kernels::Clamp(z, -kSaturated, kSaturated);
    const Packet<T> slope = kTwoSlopes * MulAdd(3 * kCubic * c, c, 1);
    const Packet<T> s = Gate(z);
    return MulAdd(c * s * (1 - s), slope, s);
  }

 private:
  template <typename T>
  Packet<T> Gate(Packet<T> z) const {
    const Packet<T> c = kernels::Clamp(z, -kSaturated, kSaturated);
    return kernels::Sigmoid(kTwoSlopes * MulAdd(kCubic * c * c, c, c));
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_GELU_TANH_H_
