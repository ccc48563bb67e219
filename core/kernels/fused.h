// The fused multiply-add, a * b + c rounded once, on every processor. Internal to the core.
//
// Every sum and product that enters a model's state is written with it or with plain operations, so
// its bits do not depend on the machine. Instruction sets that have no such operation get it from
// others, exactly and slowly.

#ifndef CORE_KERNELS_FUSED_H_
#define CORE_KERNELS_FUSED_H_

#include <Eigen/Core>
#include <bit>
#include <cmath>
#include <cstdint>

namespace descent::kernels {

#if defined(EIGEN_VECTORIZE_FMA) || defined(EIGEN_VECTORIZE_AVX512) || defined(__ARM_FEATURE_FMA)

template <typename Register>
[[gnu::always_inline]] inline Register FusedMulAdd(Register a, Register b, Register c) {
  return Eigen::internal::pmadd(a, b, c);
}

#else

// Doubles: the C library's is exact, in hardware where the processor has it after all.
inline Eigen::internal::Packet2d FusedMulAdd(Eigen::internal::Packet2d a,
                                             Eigen::internal::Packet2d b,
                                             Eigen::internal::Packet2d c) {
  return Eigen::internal::Packet2d{std::fma(a[0], b[0], c[0]), std::fma(a[1], b[1], c[1])};
}

// Floats, two at a time in double, where their product is exact. Their sum with c would be rounded
// twice, to double and to float; the first time it is rounded to odd instead, after which the
// second gives what one rounding would have (Boldo and Melquiond, Emulation of a FMA and
// correctly rounded sums, IEEE Trans. Computers 57(4), 2008).
[[gnu::always_inline]] inline Eigen::internal::Packet2d SumRoundedToOdd(
    Eigen::internal::Packet2d product, Eigen::internal::Packet2d c) {
  using Doubles = Eigen::internal::Packet2d;
  using Words [[gnu::vector_size(sizeof(Doubles))]] = std::int64_t;
  const Doubles sum = product + c;
  // What rounding took from the sum, exactly; NaN where the sum is not finite.
  const Doubles part = sum - product;
  const Doubles lost = (product - (sum - part)) + (c - part);
  const Words inexact = std::bit_cast<Words>(lost < 0) | std::bit_cast<Words>(lost > 0);
  const Words bits = std::bit_cast<Words>(sum);
  const Words even = (bits & 1) - 1;  // all ones where it is
  // The odd neighbour lies on the side of what was lost: away from zero if that has the sum's sign.
  const Words opposite = (std::bit_cast<Words>(lost) ^ bits) >> 63;  // -1 or 0
  return std::bit_cast<Doubles>(bits + (inexact & even & (1 + 2 * opposite)));
}

inline Eigen::internal::Packet4f FusedMulAdd(Eigen::internal::Packet4f a,
                                             Eigen::internal::Packet4f b,
                                             Eigen::internal::Packet4f c) {
  using Doubles [[gnu::vector_size(32)]] = double;
  using Floats [[gnu::vector_size(16)]] = float;
  const Doubles product = __builtin_convertvector(a, Doubles) * __builtin_convertvector(b, Doubles);
  const Doubles wide_c = __builtin_convertvector(c, Doubles);
  const auto low = SumRoundedToOdd(__builtin_shufflevector(product, product, 0, 1),
                                   __builtin_shufflevector(wide_c, wide_c, 0, 1));
  const auto high = SumRoundedToOdd(__builtin_shufflevector(product, product, 2, 3),
                                    __builtin_shufflevector(wide_c, wide_c, 2, 3));
  return std::bit_cast<Eigen::internal::Packet4f>(
      __builtin_convertvector(__builtin_shufflevector(low, high, 0, 1, 2, 3), Floats));
}

#endif

}  // namespace descent::kernels

#endif  // CORE_KERNELS_FUSED_H_
