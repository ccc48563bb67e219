#include "server/exchange/safetensors/element_type.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace descent::exchange {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers lie in files as in memory");

constexpr std::array<ElementType, 15> kElementTypes = {{
    {.name = kFloat64Name, .width = 8, .fits_float32 = false, .fits_float64 = true},
    {.name = kFloat32Name, .width = 4, .fits_float32 = true, .fits_float64 = true},
    {.name = "F16", .width = 2, .fits_float32 = true, .fits_float64 = true},
    {.name = "BF16", .width = 2, .fits_float32 = true, .fits_float64 = true},
    {.name = kInt64Name, .width = 8},
    {.name = "U64", .width = 8},
    {.name = "I32", .width = 4},
    {.name = "U32", .width = 4},
    {.name = "I16", .width = 2},
    {.name = "U16", .width = 2},
    {.name = "I8", .width = 1},
    {.name = "U8", .width = 1},
    {.name = "BOOL", .width = 1},
    {.name = "F8_E4M3", .width = 1},
    {.name = "F8_E5M2", .width = 1},
}};

template <typename T>
T Load(const char* bytes, std::int64_t i) {
  T value;
  std::memcpy(&value, bytes + i * static_cast<std::int64_t>(sizeof value), sizeof value);
  return value;
}

// IEEE 754's binary16.
double HalfValue(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  double value = 0;
  if (exponent == 0x1f) {
    value = fraction == 0 ? std::numeric_limits<double>::infinity()
                          : std::numeric_limits<double>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(fraction, -24);
  } else {
    value = std::ldexp(fraction + 0x400, exponent - 25);
  }
  return (bits & 0x8000) == 0 ? value : -value;
}

// The upper half of a binary32.
double BrainValue(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace

const ElementType* FindElementType(std::string_view name) {
  for (const ElementType& type : kElementTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

double ElementAt(const ElementType& type, const char* bytes, std::int64_t i) {
  if (type.name == kFloat64Name) return Load<double>(bytes, i);
  if (type.name == kFloat32Name) return Load<float>(bytes, i);
  const auto bits = Load<std::uint16_t>(bytes, i);
  return type.name == "F16" ? HalfValue(bits) : BrainValue(bits);
}

void CopyElements(const ElementType& type, const char* bytes, std::int64_t count, Buffer* to,
                  std::int64_t begin) {
  if (type.width == ByteWidth(to->type())) {
    std::memcpy(to->bytes() + static_cast<std::size_t>(begin) * type.width, bytes,
                static_cast<std::size_t>(count) * type.width);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) to->Set(begin + i, ElementAt(type, bytes, i));
}

}  // namespace descent::exchange
