#include "server/wire/element_type.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/check.h"

namespace descent::wire {
namespace {

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
std::uint32_t FinitenessBits(float value) {
  return (std::bit_cast<std::uint32_t>(value) & 0x7fffffffU) + 0x00800000U;
}
std::uint64_t FinitenessBits(double value) {
  return (std::bit_cast<std::uint64_t>(value) & 0x7fffffffffffffffU) + 0x0010000000000000U;
}
template <typename Bits>
bool HasNonFinite(Bits bits) {
  return (bits >> (std::numeric_limits<Bits>::digits - 1)) != 0;
}

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

template <typename T>
constexpr ElementType Row(v1::DataType data_type, const char* name,
                          v1::Tensor::ContentsCase values) {
  ElementType row{};
  row.data_type = data_type;
  row.name = name;
  row.width = sizeof(T);
  row.values = values;
  row.is_integer = std::is_integral_v<T>;
  if constexpr (std::is_integral_v<T>) {
    row.minimum = std::numeric_limits<T>::min();
    row.maximum = std::numeric_limits<T>::max();
  }
  row.to_float32 = &Convert<T, float>;
  row.to_float64 = &Convert<T, double>;
  return row;
}

constexpr ElementType kElementTypes[] = {
    Row<float>(v1::DATA_TYPE_FLOAT32, "FLOAT32", v1::Tensor::kFloats),
    Row<double>(v1::DATA_TYPE_FLOAT64, "FLOAT64", v1::Tensor::kDoubles),
    Row<std::int32_t>(v1::DATA_TYPE_INT32, "INT32", v1::Tensor::kInts),
    Row<std::int64_t>(v1::DATA_TYPE_INT64, "INT64", v1::Tensor::kInts),
    Row<Half>(v1::DATA_TYPE_FLOAT16, "FLOAT16", v1::Tensor::CONTENTS_NOT_SET),
    Row<BFloat>(v1::DATA_TYPE_BFLOAT16, "BFLOAT16", v1::Tensor::CONTENTS_NOT_SET),
    Row<std::uint8_t>(v1::DATA_TYPE_UINT8, "UINT8", v1::Tensor::kInts),
};

}  // namespace

absl::Span<const ElementType> ElementTypes() { return kElementTypes; }

const ElementType* FindElementType(v1::DataType data_type) {
  for (const ElementType& row : kElementTypes) {
    if (row.data_type == data_type) return &row;
  }
  return nullptr;
}

const ElementType& ElementTypeOf(DataType type) {
  const ElementType* row =
      FindElementType(type == DataType::kFloat32 ? v1::DATA_TYPE_FLOAT32 : v1::DATA_TYPE_FLOAT64);
  DESCENT_CHECK(row != nullptr);
  return *row;
}

bool IsLossless(const ElementType& from, DataType to) {
  const int mantissa = to == DataType::kFloat32 ? std::numeric_limits<float>::digits
                                                : std::numeric_limits<double>::digits;
  if (from.is_integer) {
    return from.maximum <= std::int64_t{1} << mantissa;
  }
  return from.width <= static_cast<int>(ByteWidth(to));
}

}  // namespace descent::wire
