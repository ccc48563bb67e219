#include "core/finite.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace descent {
namespace {

template <typename T>
struct Bits;
template <>
struct Bits<float> {
  using Word = std::uint32_t;
  static constexpr Word kExponent = 0x7f800000U;
};
template <>
struct Bits<double> {
  using Word = std::uint64_t;
  static constexpr Word kExponent = 0x7ff0000000000000U;
};

// Integer arithmetic without branches, which compilers turn into vector code.
template <typename T>
bool AllFinite(const T* values, std::int64_t n) {
  using Word = typename Bits<T>::Word;
  Word bad = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const Word exponent = std::bit_cast<Word>(values[i]) & Bits<T>::kExponent;
    bad |= static_cast<Word>(exponent == Bits<T>::kExponent);
  }
  return bad == 0;
}

template <typename T>
std::int64_t FirstNonFiniteOf(const T* values, std::int64_t n) {
  constexpr std::int64_t kChunk = 1024;
  for (std::int64_t begin = 0; begin < n; begin += kChunk) {
    const std::int64_t end = std::min(n, begin + kChunk);
    if (AllFinite(values + begin, end - begin)) continue;
    for (std::int64_t i = begin; i < end; ++i) {
      if (!std::isfinite(values[i])) return i;
    }
  }
  return -1;
}

}  // namespace

std::int64_t FirstNonFinite(const Buffer& buffer) {
  return WithElementType(buffer.type(), [&](auto zero) {
    return FirstNonFiniteOf(buffer.data<decltype(zero)>(), buffer.size());
  });
}

double LargestMagnitude(const Buffer& buffer) {
  return WithElementType(buffer.type(), [&](auto zero) {
    using T = decltype(zero);
    T largest = 0;
    const T* const values = buffer.data<T>();
    for (std::int64_t i = 0; i < buffer.size(); ++i)
      largest = std::max(largest, std::abs(values[i]));
    return static_cast<double>(largest);
  });
}

}  // namespace descent
