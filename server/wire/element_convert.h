// Elements of any type as numbers that a network computes with.

#ifndef SERVER_WIRE_ELEMENT_CONVERT_H_
#define SERVER_WIRE_ELEMENT_CONVERT_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

namespace descent::wire {

static_assert(std::endian::native == std::endian::little, "raw tensors are little-endian");
static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

// IEEE 754 binary16.
struct Half {
  std::uint16_t bits;

  explicit operator float() const {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
    const std::uint32_t magnitude = static_cast<std::uint32_t>(bits & 0x7fffU) << 13;
    // Read as a binary32 the magnitude is too small by the difference of the exponents' biases,
    // 127 - 15; the product is exact, for subnormal halves too.
    const float value = std::bit_cast<float>(magnitude) * 0x1p112F;
    const std::uint32_t special = (bits & 0x7c00U) == 0x7c00U ? 0x7f800000U : 0U;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign | special);
  }
  explicit operator double() const { return static_cast<double>(static_cast<float>(*this)); }
};

// The upper half of a binary32.
struct BFloat {
  std::uint16_t bits;

  explicit operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
  explicit operator double() const { return static_cast<double>(static_cast<float>(*this)); }
};

// The bits of a number without its sign, plus what carries into the sign's place exactly when the
// exponent is all ones: for infinities and NaNs.
inline std::uint32_t FinitenessBits(float value) {
  return (std::bit_cast<std::uint32_t>(value) & 0x7fffffffU) + 0x00800000U;
}
inline std::uint64_t FinitenessBits(double value) {
  return (std::bit_cast<std::uint64_t>(value) & 0x7fffffffffffffffU) + 0x0010000000000000U;
}
template <typename Bits>
bool HasNonFinite(Bits bits) {
  return (bits >> (std::numeric_limits<Bits>::digits - 1)) != 0;
}

// Converts `count` little-endian elements, which need no alignment, to `out`. Returns the index of
// the first one that is not finite in the type of `out`, or -1; what comes after that element is
// unspecified.
template <typename From, typename To>
std::int64_t Convert(const char* elements, std::int64_t count, To* out) {
  // Small enough to find a bad element in quickly, large enough for the loops to run at full width.
  constexpr std::int64_t kBlock = 1024;
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = std::min(begin + kBlock, count);
    decltype(FinitenessBits(To{})) bits = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      From element;
      std::memcpy(&element, elements + i * static_cast<std::int64_t>(sizeof(From)), sizeof(From));
      out[i] = static_cast<To>(element);
      bits |= FinitenessBits(out[i]);
    }
    if (HasNonFinite(bits)) {
      while (!HasNonFinite(FinitenessBits(out[begin]))) ++begin;
      return begin;
    }
  }
  return -1;
}

}  // namespace descent::wire

#endif  // SERVER_WIRE_ELEMENT_CONVERT_H_
