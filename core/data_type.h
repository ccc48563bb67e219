// The element types a network can compute in.

#ifndef CORE_DATA_TYPE_H_
#define CORE_DATA_TYPE_H_

#include <cstddef>
#include <cstdint>

namespace descent {

enum class DataType : std::uint8_t { kFloat32 = 1, kFloat64 = 2 };

// Bytes of one element.
constexpr std::size_t ByteWidth(DataType type) { return type == DataType::kFloat32 ? 4 : 8; }

// "float32" or "float64".
constexpr const char* DataTypeName(DataType type) {
  return type == DataType::kFloat32 ? "float32" : "float64";
}

template <typename T>
inline constexpr DataType kDataTypeOf = DataType::kFloat64;
template <>
inline constexpr DataType kDataTypeOf<float> = DataType::kFloat32;

// Calls visitor(T{}) with the C++ type of `type`: the one place where a run-time element type
// becomes a compile-time one.
template <typename Visitor>
decltype(auto) WithElementType(DataType type, Visitor&& visitor) {
  return type == DataType::kFloat32 ? visitor(float{}) : visitor(double{});
}

}  // namespace descent

#endif  // CORE_DATA_TYPE_H_
