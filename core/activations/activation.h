// The contract of an activation function σ, applied to each element.

#ifndef CORE_ACTIVATIONS_ACTIVATION_H_
#define CORE_ACTIVATIONS_ACTIVATION_H_

#include <cstdint>

namespace descent {

// Immutable and thread-safe. An element's result depends on that element's value alone, bit for
// bit: not on its position, its neighbours or n. Nothing outside [0, n) is read or written.
class Activation {
 public:
  virtual ~Activation() = default;

  // activations[i] = σ(pre_activations[i]) for i in [0, n). The two may be the same array.
  virtual void Forward(const float* pre_activations, float* activations, std::int64_t n) const = 0;
  virtual void Forward(const double* pre_activations, double* activations,
                       std::int64_t n) const = 0;

  // delta[i] *= σ′(pre_activations[i]), in place; `activations` are Forward's results.
  // pre_activations may be null when DerivativeNeedsPreActivation() is false.
  virtual void Backward(const float* pre_activations, const float* activations, float* delta,
                        std::int64_t n) const = 0;
  virtual void Backward(const double* pre_activations, const double* activations, double* delta,
                        std::int64_t n) const = 0;

  // Whether σ′ can't be had from σ's value alone (as it can for tanh: 1 - a²).
  virtual bool DerivativeNeedsPreActivation() const = 0;

  // Whether σ is the identity, so that callers may skip both passes.
  virtual bool IsIdentity() const { return false; }
  // Whether σ is the rectifier, so that they may do both while the values are in registers.
  virtual bool IsRelu() const { return false; }
};

}  // namespace descent

#endif  // CORE_ACTIVATIONS_ACTIVATION_H_
