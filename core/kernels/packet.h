// Arithmetic on packets: as many floats or doubles as one register of the instruction set holds.
// Internal to the core; a thin layer over Eigen's packet primitives, compiled for one instruction
// set, without dispatch at run time.
//
// What it is for: loops over arrays whose results do not depend on where an element lies. A tail of
// fewer elements than a register goes through the same packet operations as the rest, on a copy on
// the stack, so an element's bits depend on its value alone, and nothing outside [0, n) is touched.
//
// Multiply and add are fused in MulAdd, always, and nowhere else: compile with -ffp-contract=off.

#ifndef CORE_KERNELS_PACKET_H_
#define CORE_KERNELS_PACKET_H_

#include <Eigen/Core>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/kernels/fused.h"

namespace descent::kernels {

namespace packet {

// Half of the lanes, from `begin` on.
template <typename T, std::size_t begin, typename Vector, std::size_t... i>
[[gnu::always_inline]] inline auto HalfOf(Vector lanes, std::index_sequence<i...> /*half*/) {
  using Half [[gnu::vector_size(sizeof(Vector) / 2)]] = T;
  return static_cast<Half>(__builtin_shufflevector(lanes, lanes, (begin + i)...));
}

// The lanes turned by `distance` places.
template <std::size_t distance, typename Vector, std::size_t... i>
[[gnu::always_inline]] inline Vector Turned(Vector lanes, std::index_sequence<i...> /*lanes*/) {
  return __builtin_shufflevector(lanes, lanes, ((i + distance) % sizeof...(i))...);
}

// The first kLanes lanes added up: the second half to the first, lane by lane, until one is left.
template <typename T, std::size_t kLanes, typename Vector>
[[gnu::always_inline]] inline T SumOfLanes(Vector lanes) {
  constexpr std::size_t kHalf = kLanes / 2;
  if constexpr (kLanes == 1) {
    return lanes[0];
  } else if constexpr (sizeof(Vector) > 16) {
    constexpr std::make_index_sequence<kHalf> kSequence;
    return SumOfLanes<T, kHalf>(HalfOf<T, 0>(lanes, kSequence) +
                                HalfOf<T, kHalf>(lanes, kSequence));
  } else {
    // There are no narrower registers: what is behind the half does not count.
    constexpr std::make_index_sequence<16 / sizeof(T)> kSequence;
    return SumOfLanes<T, kHalf>(lanes + Turned<kHalf>(lanes, kSequence));
  }
}

}  // namespace packet

// Comparisons of packets: per lane all ones or all zeros. Combine with & and |, use with Select.
template <typename T>
struct Mask;

// kLanes numbers of type T (float or double) in one register.
template <typename T>
class Packet {
 public:
  using Register = typename Eigen::internal::packet_traits<T>::type;
  // The bits of the lanes as unsigned integers.
  using Word = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  using Bits [[gnu::vector_size(sizeof(Register))]] = Word;

  static constexpr int kLanes = static_cast<int>(sizeof(Register) / sizeof(T));
  static_assert(Eigen::internal::packet_traits<T>::Vectorizable, "needs a vector instruction set");

  Packet() = default;
  // A number in every lane. Implicit, so that formulas read as they are written.
  // NOLINTBEGIN(google-explicit-constructor)
  template <typename Number>
    requires std::is_arithmetic_v<Number>
  [[gnu::always_inline]] Packet(Number value)
      : register_(Eigen::internal::pset1<Register>(static_cast<T>(value))) {}
  // NOLINTEND(google-explicit-constructor)
  [[gnu::always_inline]] static Packet FromRegister(Register value) { return Packet(value, 0); }
  [[gnu::always_inline]] static Packet FromBits(Bits bits) {
    return FromRegister(std::bit_cast<Register>(bits));
  }

  // kLanes elements, at any address.
  [[gnu::always_inline]] static Packet Load(const T* from) {
    return FromRegister(Eigen::internal::ploadu<Register>(from));
  }
  [[gnu::always_inline]] void Store(T* to) const { Eigen::internal::pstoreu(to, register_); }

  // The first `count` lanes, 0 <= count < kLanes; the other lanes of a load are zero.
  [[gnu::always_inline]] static Packet LoadFirst(const T* from, int count) {
    T lanes[kLanes] = {};
    for (int i = 0; i < count; ++i) lanes[i] = from[i];
    return Load(lanes);
  }
  [[gnu::always_inline]] void StoreFirst(T* to, int count) const {
    T lanes[kLanes];
    Store(lanes);
    for (int i = 0; i < count; ++i) to[i] = lanes[i];
  }

  [[gnu::always_inline]] Register raw() const { return register_; }
  [[gnu::always_inline]] Bits bits() const { return std::bit_cast<Bits>(register_); }
  [[gnu::always_inline]] T First() const { return Eigen::internal::pfirst(register_); }

  [[gnu::always_inline]] friend Packet operator+(Packet a, Packet b) {
    return FromRegister(Eigen::internal::padd(a.register_, b.register_));
  }
  [[gnu::always_inline]] friend Packet operator-(Packet a, Packet b) {
    return FromRegister(Eigen::internal::psub(a.register_, b.register_));
  }
  [[gnu::always_inline]] friend Packet operator*(Packet a, Packet b) {
    return FromRegister(Eigen::internal::pmul(a.register_, b.register_));
  }
  [[gnu::always_inline]] friend Packet operator/(Packet a, Packet b) {
    return FromRegister(Eigen::internal::pdiv(a.register_, b.register_));
  }
  [[gnu::always_inline]] friend Packet operator-(Packet a) {
    return FromRegister(Eigen::internal::pnegate(a.register_));
  }

  // False where an operand is NaN.
  [[gnu::always_inline]] friend Mask<T> operator<(Packet a, Packet b) {
    return {std::bit_cast<Bits>(a.register_ < b.register_)};
  }
  [[gnu::always_inline]] friend Mask<T> operator<=(Packet a, Packet b) {
    return {std::bit_cast<Bits>(a.register_ <= b.register_)};
  }
  [[gnu::always_inline]] friend Mask<T> operator>(Packet a, Packet b) { return b < a; }
  [[gnu::always_inline]] friend Mask<T> operator>=(Packet a, Packet b) { return b <= a; }
  [[gnu::always_inline]] friend Mask<T> operator==(Packet a, Packet b) {
    return {std::bit_cast<Bits>(a.register_ == b.register_)};
  }

  // a * b + c, rounded once.
  [[gnu::always_inline]] friend Packet MulAdd(Packet a, Packet b, Packet c) {
    return FromRegister(FusedMulAdd(a.register_, b.register_, c.register_));
  }
  // The smaller and the larger; `a` where a is NaN.
  [[gnu::always_inline]] friend Packet Min(Packet a, Packet b) {
    return FromRegister(Eigen::internal::pmin(a.register_, b.register_));
  }
  [[gnu::always_inline]] friend Packet Max(Packet a, Packet b) {
    return FromRegister(Eigen::internal::pmax(a.register_, b.register_));
  }
  [[gnu::always_inline]] friend Packet Sqrt(Packet a) {
    return FromRegister(Eigen::internal::psqrt(a.register_));
  }
  [[gnu::always_inline]] friend Packet Abs(Packet a) { return FromBits(a.bits() & ~SignBit()); }
  // |magnitude| with the sign of `sign`.
  [[gnu::always_inline]] friend Packet CopySign(Packet magnitude, Packet sign) {
    return FromBits((magnitude.bits() & ~SignBit()) | (sign.bits() & SignBit()));
  }

  // Over the lanes: the second half is added to the first, lane by lane, until one is left. How
  // many lanes there are depends on the processor; core/kernels/lane_sums.h does not.
  [[gnu::always_inline]] friend T Sum(Packet a) {
    using Lanes [[gnu::vector_size(sizeof(Register))]] = T;
    return packet::SumOfLanes<T, kLanes>(std::bit_cast<Lanes>(a.register_));
  }
  // Requires lanes without NaN.
  [[gnu::always_inline]] friend T Largest(Packet a) {
    return Eigen::internal::predux_max(a.register_);
  }

 private:
  [[gnu::always_inline]] Packet(Register value, int) : register_(value) {}

  [[gnu::always_inline]] static Bits SignBit() {
    return Bits{} + (Word{1} << (std::numeric_limits<Word>::digits - 1));
  }

  Register register_;
};

template <typename T>
struct Mask {
  typename Packet<T>::Bits bits;

  [[gnu::always_inline]] friend Mask operator&(Mask a, Mask b) { return {a.bits & b.bits}; }
  [[gnu::always_inline]] friend Mask operator|(Mask a, Mask b) { return {a.bits | b.bits}; }
  [[gnu::always_inline]] friend Packet<T> Select(Mask mask, Packet<T> if_true, Packet<T> if_false) {
    return Packet<T>::FromRegister(mask.bits ? if_true.raw() : if_false.raw());
  }
};

// min(max(x, low), high); NaN where x is NaN.
template <typename T>
[[gnu::always_inline]] inline Packet<T> Clamp(Packet<T> x, std::type_identity_t<Packet<T>> low,
                                              std::type_identity_t<Packet<T>> high) {
  return Min(Max(x, low), high);
}

namespace packet {

// The lanes `begin + i` as doubles.
template <std::size_t begin, std::size_t... i>
[[gnu::always_inline]] inline Packet<double> WidenLanes(Packet<float> a,
                                                        std::index_sequence<i...> /*lanes*/) {
  using Doubles [[gnu::vector_size(sizeof(Packet<double>::Register))]] = double;
  const auto lanes = __builtin_shufflevector(a.raw(), a.raw(), (begin + i)...);
  return Packet<double>::FromRegister(
      std::bit_cast<Packet<double>::Register>(__builtin_convertvector(lanes, Doubles)));
}

template <std::size_t... i>
[[gnu::always_inline]] inline Packet<float> NarrowLanes(Packet<double> first, Packet<double> second,
                                                        std::index_sequence<i...> /*lanes*/) {
  using Floats [[gnu::vector_size(sizeof(Packet<float>::Register) / 2)]] = float;
  return Packet<float>::FromRegister(std::bit_cast<Packet<float>::Register>(
      __builtin_shufflevector(__builtin_convertvector(first.raw(), Floats),
                              __builtin_convertvector(second.raw(), Floats), i...)));
}

}  // namespace packet

// The lanes as doubles: the first half and the second.
[[gnu::always_inline]] inline std::array<Packet<double>, 2> Widen(Packet<float> a) {
  constexpr std::make_index_sequence<Packet<double>::kLanes> kHalf;
  return {packet::WidenLanes<0>(a, kHalf), packet::WidenLanes<Packet<double>::kLanes>(a, kHalf)};
}

// The opposite, rounded to nearest.
[[gnu::always_inline]] inline Packet<float> Narrow(Packet<double> first, Packet<double> second) {
  return packet::NarrowLanes(first, second, std::make_index_sequence<Packet<float>::kLanes>());
}

// A place in arrays of n elements where a whole packet fits.
template <typename T>
class WholeSlice {
 public:
  [[gnu::always_inline]] explicit WholeSlice(std::int64_t begin) : begin_(begin) {}

  std::int64_t begin() const { return begin_; }
  static constexpr int size() { return Packet<T>::kLanes; }

  [[gnu::always_inline]] Packet<T> Load(const T* array) const {
    return Packet<T>::Load(array + begin_);
  }
  [[gnu::always_inline]] void Store(Packet<T> packet, T* array) const {
    packet.Store(array + begin_);
  }
  // The packet with `filler` in the lanes that are no elements of the arrays, for reductions.
  [[gnu::always_inline]] Packet<T> Filled(Packet<T> packet, T /*filler*/) const { return packet; }

 private:
  std::int64_t begin_;
};

// The last place, where 0 < size < kLanes elements are left.
template <typename T>
class TailSlice {
 public:
  [[gnu::always_inline]] TailSlice(std::int64_t begin, int size) : begin_(begin), size_(size) {}

  std::int64_t begin() const { return begin_; }
  int size() const { return size_; }

  [[gnu::always_inline]] Packet<T> Load(const T* array) const {
    return Packet<T>::LoadFirst(array + begin_, size_);
  }
  [[gnu::always_inline]] void Store(Packet<T> packet, T* array) const {
    packet.StoreFirst(array + begin_, size_);
  }
  [[gnu::always_inline]] Packet<T> Filled(Packet<T> packet, T filler) const {
    T lanes[Packet<T>::kLanes];
    packet.Store(lanes);
    for (int i = size_; i < Packet<T>::kLanes; ++i) lanes[i] = filler;
    return Packet<T>::Load(lanes);
  }

 private:
  std::int64_t begin_;
  int size_;
};

// Calls body(slice) for consecutive slices that cover [0, n).
template <typename T, typename Body>
[[gnu::always_inline]] inline void ForEachPacket(std::int64_t n, Body&& body) {
  constexpr int kLanes = Packet<T>::kLanes;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(WholeSlice<T>(i));
  if (i < n) body(TailSlice<T>(i, static_cast<int>(n - i)));
}

}  // namespace descent::kernels

#endif  // CORE_KERNELS_PACKET_H_
