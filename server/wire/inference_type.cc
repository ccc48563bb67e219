#include "server/wire/inference_type.h"

#include <cstring>
#include <limits>
#include <type_traits>

#include "core/check.h"
#include "server/wire/element_convert.h"

namespace descent::wire {
namespace {

using inference::InferTensorContents;

// A truth value as NumPy writes it; every byte but 0 is true.
struct Truth {
  std::uint8_t byte;

  explicit operator float() const { return byte == 0 ? 0.0F : 1.0F; }
  explicit operator double() const { return byte == 0 ? 0.0 : 1.0; }
};
static_assert(sizeof(bool) == sizeof(Truth));

template <typename Field>
TypedElements ElementsOf(const Field& field) {
  return {reinterpret_cast<const char*>(field.data()), field.size()};
}

TypedElements Truths(const InferTensorContents& contents) {
  return ElementsOf(contents.bool_contents());
}
TypedElements Int32s(const InferTensorContents& contents) {
  return ElementsOf(contents.int_contents());
}
TypedElements Int64s(const InferTensorContents& contents) {
  return ElementsOf(contents.int64_contents());
}
TypedElements Uint32s(const InferTensorContents& contents) {
  return ElementsOf(contents.uint_contents());
}
TypedElements Uint64s(const InferTensorContents& contents) {
  return ElementsOf(contents.uint64_contents());
}
TypedElements Floats(const InferTensorContents& contents) {
  return ElementsOf(contents.fp32_contents());
}
TypedElements Doubles(const InferTensorContents& contents) {
  return ElementsOf(contents.fp64_contents());
}

template <typename T>
std::int64_t ConvertToInt64(const char* elements, std::int64_t count, std::int64_t* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    T element;
    std::memcpy(&element, elements + i * static_cast<std::int64_t>(sizeof element), sizeof element);
    // A number, not a character.
    out[i] = static_cast<std::int64_t>(element);  // NOLINT(bugprone-signed-char-misuse)
    if (std::is_unsigned_v<T> && out[i] < 0) return i;
  }
  return count;
}

template <typename T>
constexpr InferenceType RawOnly(std::string_view name) {
  InferenceType row{};
  row.name = name;
  row.width = sizeof(T);
  row.to_float32 = &Convert<T, float>;
  row.to_float64 = &Convert<T, double>;
  if constexpr (std::is_integral_v<T>) row.to_int64 = &ConvertToInt64<T>;
  return row;
}

template <typename T>
constexpr InferenceType Typed(std::string_view name, const char* contents_field,
                              TypedElements (*typed)(const InferTensorContents&),
                              std::string_view stored_as) {
  InferenceType row = RawOnly<T>(name);
  row.contents_field = contents_field;
  row.typed = typed;
  row.stored_as = stored_as;
  // Those of 64 bits are stored as themselves.
  if constexpr (std::is_integral_v<T> && sizeof(T) < sizeof(std::int64_t)) {
    row.is_narrower = name != stored_as;
    // Numbers, not characters.
    // NOLINTBEGIN(bugprone-signed-char-misuse)
    row.minimum = std::numeric_limits<T>::min();
    row.maximum = std::numeric_limits<T>::max();
    // NOLINTEND(bugprone-signed-char-misuse)
  }
  return row;
}

constexpr InferenceType kInferenceTypes[] = {
    Typed<float>("FP32", "fp32_contents", &Floats, "FP32"),
    Typed<double>("FP64", "fp64_contents", &Doubles, "FP64"),
    RawOnly<Half>("FP16"),
    RawOnly<BFloat>("BF16"),
    Typed<std::int8_t>("INT8", "int_contents", &Int32s, "INT32"),
    Typed<std::int16_t>("INT16", "int_contents", &Int32s, "INT32"),
    Typed<std::int32_t>("INT32", "int_contents", &Int32s, "INT32"),
    Typed<std::int64_t>("INT64", "int64_contents", &Int64s, "INT64"),
    Typed<std::uint8_t>("UINT8", "uint_contents", &Uint32s, "UINT32"),
    Typed<std::uint16_t>("UINT16", "uint_contents", &Uint32s, "UINT32"),
    Typed<std::uint32_t>("UINT32", "uint_contents", &Uint32s, "UINT32"),
    Typed<std::uint64_t>("UINT64", "uint64_contents", &Uint64s, "UINT64"),
    Typed<Truth>("BOOL", "bool_contents", &Truths, "BOOL"),
};

}  // namespace

absl::Span<const InferenceType> InferenceTypes() { return kInferenceTypes; }

const InferenceType* FindInferenceType(std::string_view name) {
  for (const InferenceType& row : kInferenceTypes) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

const InferenceType& InferenceTypeOf(DataType type) {
  const InferenceType* row = FindInferenceType(type == DataType::kFloat32 ? "FP32" : "FP64");
  DESCENT_CHECK(row != nullptr);
  return *row;
}

}  // namespace descent::wire
