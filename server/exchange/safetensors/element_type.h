// The element types of safetensors: their names, widths, and how they become a network's numbers.

#ifndef SERVER_EXCHANGE_SAFETENSORS_ELEMENT_TYPE_H_
#define SERVER_EXCHANGE_SAFETENSORS_ELEMENT_TYPE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/buffer.h"
#include "core/data_type.h"

namespace descent::exchange {

struct ElementType {
  std::string_view name;  // "F32"
  std::size_t width = 0;  // bytes
  // Whether every value of it is one of a float32's, or of a float64's, so that it is taken for
  // parameters of that type. Numbers that would have to be rounded are not.
  bool fits_float32 = false;
  bool fits_float64 = false;

  bool Fits(DataType type) const {
    return type == DataType::kFloat32 ? fits_float32 : fits_float64;
  }
};

inline constexpr std::string_view kFloat64Name = "F64";
inline constexpr std::string_view kFloat32Name = "F32";
inline constexpr std::string_view kInt64Name = "I64";

// Null if there is none of that name, or its elements are no whole bytes.
const ElementType* FindElementType(std::string_view name);

// Element `i` of little-endian bytes of a type that fits a float64.
double ElementAt(const ElementType& type, const char* bytes, std::int64_t i);

// Copies `count` elements of a type that fits into `to`, from its element `begin` on.
void CopyElements(const ElementType& type, const char* bytes, std::int64_t count, Buffer* to,
                  std::int64_t begin);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_SAFETENSORS_ELEMENT_TYPE_H_
