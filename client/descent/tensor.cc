#include "client/descent/tensor.h"

#include <bit>
#include <cstring>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace descent::client {
namespace {

// Tensors travel in this machine's own byte order.
static_assert(std::endian::native == std::endian::little);

template <typename T>
constexpr v1::DataType DataTypeOf() {
  if constexpr (std::is_same_v<T, float>) return v1::DATA_TYPE_FLOAT32;
  if constexpr (std::is_same_v<T, double>) return v1::DATA_TYPE_FLOAT64;
  if constexpr (std::is_same_v<T, int32_t>) return v1::DATA_TYPE_INT32;
  if constexpr (std::is_same_v<T, int64_t>) return v1::DATA_TYPE_INT64;
  if constexpr (std::is_same_v<T, uint8_t>) return v1::DATA_TYPE_UINT8;
}

template <typename From, typename To>
std::vector<To> CastRaw(const std::string& bytes) {
  std::vector<From> values(bytes.size() / sizeof(From));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(From));
  if constexpr (std::is_same_v<From, To>) {
    return values;
  } else {
    std::vector<To> result;
    result.reserve(values.size());
    for (const From value : values) result.push_back(static_cast<To>(value));
    return result;
  }
}

template <typename Values, typename To>
std::vector<To> CastValues(const Values& values) {
  std::vector<To> result;
  result.reserve(values.size());
  for (const auto value : values) result.push_back(static_cast<To>(value));
  return result;
}

template <typename From, typename To>
absl::StatusOr<std::vector<To>> Elements(const v1::Tensor& tensor) {
  switch (tensor.contents_case()) {
    case v1::Tensor::kRaw:
      if (tensor.raw().size() % sizeof(From) != 0) {
        return absl::InvalidArgumentError("the tensor's last element is cut off");
      }
      return CastRaw<From, To>(tensor.raw());
    case v1::Tensor::kFloats:
      if constexpr (!std::is_same_v<From, float>) break;
      return CastValues<decltype(tensor.floats().values()), To>(tensor.floats().values());
    case v1::Tensor::kDoubles:
      if constexpr (!std::is_same_v<From, double>) break;
      return CastValues<decltype(tensor.doubles().values()), To>(tensor.doubles().values());
    case v1::Tensor::kInts:
      if constexpr (!std::is_integral_v<From>) break;
      return CastValues<decltype(tensor.ints().values()), To>(tensor.ints().values());
    case v1::Tensor::CONTENTS_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("the tensor's contents are not of its data type");
}

template <typename To>
absl::StatusOr<std::vector<To>> ElementsOfAnyType(const v1::Tensor& tensor) {
  switch (tensor.data_type()) {
    case v1::DATA_TYPE_FLOAT32:
      return Elements<float, To>(tensor);
    case v1::DATA_TYPE_FLOAT64:
      return Elements<double, To>(tensor);
    case v1::DATA_TYPE_INT32:
      return Elements<int32_t, To>(tensor);
    case v1::DATA_TYPE_INT64:
      return Elements<int64_t, To>(tensor);
    case v1::DATA_TYPE_UINT8:
      return Elements<uint8_t, To>(tensor);
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("can't read tensors of ", v1::DataType_Name(tensor.data_type())));
  }
}

// The product of the shape compared with `count`, without overflow.
bool HasElements(const v1::Tensor& tensor, size_t count) {
  const auto& shape = tensor.shape();
  for (const int64_t size : shape) {
    if (size < 0) return false;
  }
  for (const int64_t size : shape) {
    if (size == 0) return count == 0;
  }
  for (const int64_t size : shape) {
    if (count % static_cast<size_t>(size) != 0) return false;
    count /= static_cast<size_t>(size);
  }
  return count == 1;
}

}  // namespace

template <typename T>
v1::Tensor MakeTensor(absl::Span<const T> values, absl::Span<const int64_t> shape) {
  v1::Tensor tensor;
  tensor.set_data_type(DataTypeOf<T>());
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.mutable_raw()->assign(reinterpret_cast<const char*>(values.data()),
                               values.size() * sizeof(T));
  return tensor;
}

template <typename T>
absl::StatusOr<std::vector<T>> TensorValues(const v1::Tensor& tensor) {
  absl::StatusOr<std::vector<T>> values = ElementsOfAnyType<T>(tensor);
  if (values.ok() && !HasElements(tensor, values->size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tensor holds ", values->size(), " elements, which is not its shape"));
  }
  return values;
}

template v1::Tensor MakeTensor(absl::Span<const float>, absl::Span<const int64_t>);
template v1::Tensor MakeTensor(absl::Span<const double>, absl::Span<const int64_t>);
template v1::Tensor MakeTensor(absl::Span<const int32_t>, absl::Span<const int64_t>);
template v1::Tensor MakeTensor(absl::Span<const int64_t>, absl::Span<const int64_t>);
template v1::Tensor MakeTensor(absl::Span<const uint8_t>, absl::Span<const int64_t>);

template absl::StatusOr<std::vector<float>> TensorValues(const v1::Tensor&);
template absl::StatusOr<std::vector<double>> TensorValues(const v1::Tensor&);
template absl::StatusOr<std::vector<int32_t>> TensorValues(const v1::Tensor&);
template absl::StatusOr<std::vector<int64_t>> TensorValues(const v1::Tensor&);
template absl::StatusOr<std::vector<uint8_t>> TensorValues(const v1::Tensor&);

}  // namespace descent::client
