// Sums over many elements, with the same bits on every processor. Internal to the core.
//
// The elements are dealt out in turn to kSumLanes sums, each adds its own in order, and the sums
// are added in a fixed tree: the second half to the first, lane by lane, until one is left. That is
// what a register of 64 bytes would do; narrower ones share the lanes out between several.

#ifndef CORE_KERNELS_LANE_SUMS_H_
#define CORE_KERNELS_LANE_SUMS_H_

#include <cstdint>

#include "core/kernels/packet.h"

namespace descent::kernels {

template <typename T>
inline constexpr int kSumLanes = 64 / sizeof(T);
template <typename T>
inline constexpr int kSumPackets = kSumLanes<T> / Packet<T>::kLanes;

// Σ over kCount packets that hold kCount · kLanes lanes one behind the other, by the tree. Changes
// the array.
template <int kCount, typename T>
[[gnu::always_inline]] inline T SumOfPackets(Packet<T>* packets) {
  static_assert(kCount > 0 && (kCount & (kCount - 1)) == 0);
#pragma GCC unroll 8
  for (int half = kCount / 2; half > 0; half /= 2) {
#pragma GCC unroll 16
    for (int i = 0; i < half; ++i) packets[i] = packets[i] + packets[half + i];
  }
  return Sum(packets[0]);
}

// For the slices of one ForEachPacket.
template <typename T>
class LaneSums {
 public:
  // Adds the slice's elements.
  template <typename Slice>
  [[gnu::always_inline]] void Add(Slice slice, Packet<T> values) {
    Packet<T>& sum = SumAt(slice.begin());
    sum = sum + slice.Filled(values, 0);
  }
  // Adds a · b, fused. Lanes of `a` that are no elements must be zero, and those of `b` finite.
  template <typename Slice>
  [[gnu::always_inline]] void AddProduct(Slice slice, Packet<T> a, Packet<T> b) {
    Packet<T>& sum = SumAt(slice.begin());
    sum = MulAdd(a, b, sum);
  }

  [[gnu::always_inline]] T Total() { return SumOfPackets<kSumPackets<T>>(sums_); }

 private:
  [[gnu::always_inline]] Packet<T>& SumAt(std::int64_t begin) {
    if constexpr (kSumPackets<T> == 1) return sums_[0];
    return sums_[begin / Packet<T>::kLanes % kSumPackets<T>];
  }

  Packet<T> sums_[kSumPackets<T>] = {};
};

}  // namespace descent::kernels

#endif  // CORE_KERNELS_LANE_SUMS_H_
