// Tensors from C++ numbers and back.
//
//   std::vector<float> rows = ...;                       // 2 rows of 13 features, row after row
//   v1::Tensor inputs = MatrixTensor<float>(rows, 13);   // [2, 13]
//   absl::StatusOr<std::vector<double>> values = TensorValues<double>(answer.outputs());
//
// T is float, double, int32_t, int64_t or uint8_t.

#ifndef CLIENT_DESCENT_TENSOR_H_
#define CLIENT_DESCENT_TENSOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "descent/v1/tensor.pb.h"

namespace descent::client {

// A tensor of the shape, with its elements as raw bytes, the fastest encoding. Requires as many
// values as the shape has elements.
template <typename T>
v1::Tensor MakeTensor(absl::Span<const T> values, absl::Span<const int64_t> shape);

// `[values.size() / columns, columns]`, row-major. Requires columns > 0 and whole rows.
template <typename T>
v1::Tensor MatrixTensor(absl::Span<const T> values, int64_t columns) {
  const int64_t rows = static_cast<int64_t>(values.size()) / columns;
  return MakeTensor<T>(values, {rows, columns});
}

// `[values.size()]`.
template <typename T>
v1::Tensor VectorTensor(absl::Span<const T> values) {
  return MakeTensor<T>(values, {static_cast<int64_t>(values.size())});
}

// The elements in row-major order, converted to T as a cast does. INVALID_ARGUMENT if the contents
// are not of the tensor's type and shape, or the type is not one of T's.
template <typename T>
absl::StatusOr<std::vector<T>> TensorValues(const v1::Tensor& tensor);

}  // namespace descent::client

#endif  // CLIENT_DESCENT_TENSOR_H_
