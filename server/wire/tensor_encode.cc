#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"
#include "server/wire/element_type.h"
#include "server/wire/tensor.h"

namespace descent::wire {
namespace {

Encoding Resolve(Encoding encoding, DataType type) {
  if (encoding != Encoding::kNumbers) return encoding;
  return type == DataType::kFloat32 ? Encoding::kFloats : Encoding::kDoubles;
}

template <typename From, typename Field>
void AddValues(const From* values, std::int64_t count, Field* field) {
  field->Resize(static_cast<int>(count), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    field->mutable_data()[i] = static_cast<typename Field::value_type>(values[i]);
  }
}

bool FitsFloats(const float* /*values*/, std::int64_t /*count*/) { return true; }

bool FitsFloats(const double* values, std::int64_t count) {
  return std::all_of(values, values + count, [](double value) {
    return std::abs(value) <= double{std::numeric_limits<float>::max()};
  });
}

}  // namespace

Encoding EncodingOf(const v1::Tensor& inputs) {
  switch (inputs.contents_case()) {
    case v1::Tensor::kFloats:
      return Encoding::kFloats;
    case v1::Tensor::kDoubles:
      return Encoding::kDoubles;
    case v1::Tensor::kInts:
      return Encoding::kNumbers;
    case v1::Tensor::kRaw:
    case v1::Tensor::CONTENTS_NOT_SET:
      break;
  }
  return Encoding::kRaw;
}

void EncodeTensor(const Buffer& values, std::int64_t offset, absl::Span<const std::int64_t> shape,
                  Encoding encoding, v1::Tensor* tensor) {
  std::int64_t count = 1;
  for (const std::int64_t dimension : shape) {
    tensor->add_shape(dimension);
    count *= dimension;
  }
  DESCENT_CHECK(offset >= 0 && count >= 0 && offset + count <= values.size());

  encoding = Resolve(encoding, values.type());
  if (encoding == Encoding::kRaw) {
    const std::size_t width = ByteWidth(values.type());
    tensor->set_data_type(ElementTypeOf(values.type()).data_type);
    tensor->set_raw(values.bytes() + static_cast<std::size_t>(offset) * width,
                    static_cast<std::size_t>(count) * width);
    return;
  }
  WithElementType(values.type(), [&](auto element) {
    const auto* first = values.data<decltype(element)>() + offset;
    if (encoding == Encoding::kFloats && FitsFloats(first, count)) {
      tensor->set_data_type(v1::DATA_TYPE_FLOAT32);
      AddValues(first, count, tensor->mutable_floats()->mutable_values());
    } else {
      tensor->set_data_type(v1::DATA_TYPE_FLOAT64);
      AddValues(first, count, tensor->mutable_doubles()->mutable_values());
    }
  });
}

void EncodeMatrix(const Matrix& matrix, Encoding encoding, v1::Tensor* tensor) {
  EncodeTensor(matrix.buffer(), 0, {matrix.rows(), matrix.cols()}, encoding, tensor);
}

void EncodeScalar(double value, DataType type, Encoding encoding, v1::Tensor* tensor) {
  // The norm of float32 numbers may be out of their range.
  Buffer scalar(FitsFloats(&value, 1) ? type : DataType::kFloat64, 1);
  scalar.Set(0, value);
  EncodeTensor(scalar, 0, {}, encoding, tensor);
}

}  // namespace descent::wire
