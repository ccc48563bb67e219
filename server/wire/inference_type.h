// The datatypes of the Open Inference Protocol, one row each: how wide they are, which field of
// typed contents holds them, and how they become the numbers a network computes with.

#ifndef SERVER_WIRE_INFERENCE_TYPE_H_
#define SERVER_WIRE_INFERENCE_TYPE_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "core/data_type.h"
#include "inference/open_inference.pb.h"
#include "server/wire/element_type.h"

namespace descent::wire {

// Typed elements as they lie in a message.
struct TypedElements {
  const char* data;
  std::int64_t count;
};

struct InferenceType {
  std::string_view name;  // "FP32"
  int width;              // bytes of a raw element
  Converter<float> to_float32;
  Converter<double> to_float64;
  // Of integers; null for all others. Writes those before the first that is beyond 2^63 - 1, and
  // returns how many they are; that one's bits come behind them.
  std::int64_t (*to_int64)(const char* elements, std::int64_t count, std::int64_t* out);

  // The field of InferTensorContents that holds such elements; null where only raw contents do.
  const char* contents_field;
  TypedElements (*typed)(const inference::InferTensorContents& contents);
  // The row whose raw elements are laid out as those of that field.
  std::string_view stored_as;
  // Where that is wider than this type: the values that this type holds.
  bool is_narrower;
  std::int64_t minimum;
  std::int64_t maximum;
};

// All that become numbers: every datatype of the protocol but BYTES.
absl::Span<const InferenceType> InferenceTypes();

// The row of that name; null: there is none.
const InferenceType* FindInferenceType(std::string_view name);

// The row that a network's numbers have.
const InferenceType& InferenceTypeOf(DataType type);

}  // namespace descent::wire

#endif  // SERVER_WIRE_INFERENCE_TYPE_H_
