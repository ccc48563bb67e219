// The element types that tensors of the wire may have, one row each: how wide they are and how they
// become the numbers a network computes with.

#ifndef SERVER_WIRE_ELEMENT_TYPE_H_
#define SERVER_WIRE_ELEMENT_TYPE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/data_type.h"
#include "descent/v1/tensor.pb.h"

namespace descent::wire {

// Converts `count` little-endian elements, which need no alignment, to `out`. Returns the index of
// the first one that is not finite in the type of `out`, or -1; what comes after that element is
// unspecified.
template <typename To>
using Converter = std::int64_t (*)(const char* elements, std::int64_t count, To* out);

struct ElementType {
  v1::DataType data_type;
  const char* name;  // as in messages: "FLOAT32"
  int width;         // bytes of an element
  // The contents that hold such elements as numbers; not set where only `raw` does.
  v1::Tensor::ContentsCase values;
  // For integers, the values that the type holds.
  bool is_integer;
  std::int64_t minimum;
  std::int64_t maximum;
  Converter<float> to_float32;
  Converter<double> to_float64;
};

// Every element type, in the order of the enum.
absl::Span<const ElementType> ElementTypes();

// The row of `data_type`; null when the value is unspecified or unknown.
const ElementType* FindElementType(v1::DataType data_type);

// The row that tensors of a network's numbers have on the wire.
const ElementType& ElementTypeOf(DataType type);

// Whether every value of `from` is a value of `to`.
bool IsLossless(const ElementType& from, DataType to);

}  // namespace descent::wire

#endif  // SERVER_WIRE_ELEMENT_TYPE_H_
