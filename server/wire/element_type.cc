#include "server/wire/element_type.h"

#include <limits>
#include <type_traits>

#include "core/check.h"
#include "server/wire/element_convert.h"

namespace descent::wire {
namespace {

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
