// The scaled exponential linear unit: σ(z) = λz for z > 0, else λα(eᶻ - 1); σ′ = λ for z > 0, else
// λαeᶻ = a + λα. The constants make mean 0 and variance 1 a fixed point of a layer.
// Source: Klambauer et al. (2017), arXiv:1706.02515.

#ifndef CORE_ACTIVATIONS_SELU_H_
#define CORE_ACTIVATIONS_SELU_H_

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"

namespace descent::activations {

using kernels::Packet;

struct Selu {
  static constexpr double kAlpha = 1.6732632423543772848170429916717;
  static constexpr double kScale = 1.0507009873554804934193349852946;

  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return Select(z > 0, kScale * z, kScale * kAlpha * kernels::Expm1(z));
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> a) const {
    return Select(a > 0, kScale, a + kScale * kAlpha);
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_SELU_H_
