// The Gaussian error linear unit, exact: σ(z) = zΦ(z), σ′ = Φ(z) + zφ(z), with Φ and φ the
// distribution and density of the standard normal distribution.
// Source: Hendrycks & Gimpel (2016), arXiv:1606.08415.

#ifndef CORE_ACTIVATIONS_GELU_H_
#define CORE_ACTIVATIONS_GELU_H_

#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"

namespace descent::activations {

using kernels::Packet;

struct Gelu {
  template <typename T>
  Packet<T> Value(Packet<T> z) const {
    return z * kernels::NormalCdf(z).cdf;
  }
  template <typename T>
  Packet<T> Derivative(Packet<T> z, Packet<T>) const {
    const auto normal = kernels::NormalCdf(z);
    return MulAdd(z, normal.density, normal.cdf);
  }
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_GELU_H_
