// Adapts a function of packets to the Activation interface. Internal to the core.

#ifndef CORE_ACTIVATIONS_PACKET_ACTIVATION_H_
#define CORE_ACTIVATIONS_PACKET_ACTIVATION_H_

#include <cstdint>
#include <type_traits>

#include "core/activations/activation.h"
#include "core/activations/identity.h"
#include "core/activations/relu.h"
#include "core/kernels/packet.h"

namespace descent::activations {

using kernels::Packet;

// A Function has, for packets of both element types,
//
//   Packet<T> Value(Packet<T> z) const          σ(z)
//   Packet<T> Derivative(Packet<T> a) const     σ′ from a = σ(z), or else
//   Packet<T> Derivative(Packet<T> z, Packet<T> a) const
//
// NaN gives NaN in Value.
template <typename Function>
class PacketActivation final : public Activation {
 public:
  explicit PacketActivation(Function function) : function_(function) {}

  void Forward(const float* z, float* a, std::int64_t n) const override { Values(z, a, n); }
  void Forward(const double* z, double* a, std::int64_t n) const override { Values(z, a, n); }

  void Backward(const float* z, const float* a, float* delta, std::int64_t n) const override {
    MultiplyDerivatives(z, a, delta, n);
  }
  void Backward(const double* z, const double* a, double* delta, std::int64_t n) const override {
    MultiplyDerivatives(z, a, delta, n);
  }

  bool DerivativeNeedsPreActivation() const override { return !kFromValue; }
  bool IsIdentity() const override { return std::is_same_v<Function, Identity>; }
  bool IsRelu() const override { return std::is_same_v<Function, Relu>; }

 private:
  static constexpr bool kFromValue =
      requires(const Function& function, Packet<float> a) { function.Derivative(a); };

  template <typename T>
  [[gnu::flatten]] void Values(const T* z, T* a, std::int64_t n) const {
    kernels::ForEachPacket<T>(
        n, [&](auto slice)
               __attribute__((always_inline)) { slice.Store(function_.Value(slice.Load(z)), a); });
  }

  template <typename T>
  [[gnu::flatten]] void MultiplyDerivatives(const T* z, const T* a, T* delta,
                                            std::int64_t n) const {
    kernels::ForEachPacket<T>(
        n, [&](auto slice) __attribute__((always_inline)) {
          Packet<T> derivative;
          if constexpr (kFromValue) {
            derivative = function_.Derivative(slice.Load(a));
          } else {
            derivative = function_.Derivative(slice.Load(z), slice.Load(a));
          }
          slice.Store(slice.Load(delta) * derivative, delta);
        });
  }

  Function function_;
};

}  // namespace descent::activations

#endif  // CORE_ACTIVATIONS_PACKET_ACTIVATION_H_
