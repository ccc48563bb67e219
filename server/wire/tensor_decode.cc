#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/wire/element_type.h"
#include "server/wire/tensor.h"
#include "server/wire/tensor_checks.h"

namespace descent::wire {
namespace {

// A tensor's contents, known to be what its data type and shape say.
struct Elements {
  const ElementType* type;    // what the tensor's data type says
  const ElementType* stored;  // how `data` holds the elements
  const char* data;
  std::int64_t count;
};

absl::Span<const std::int64_t> ShapeOf(const v1::Tensor& tensor) {
  return absl::MakeConstSpan(tensor.shape().data(), static_cast<std::size_t>(tensor.shape_size()));
}

absl::StatusOr<const ElementType*> CheckDataType(std::string_view field, const v1::Tensor& tensor) {
  if (tensor.data_type() == v1::DATA_TYPE_UNSPECIFIED) {
    return InvalidField(Member(field, "data_type"), "required", {}, "WRONG_DATA_TYPE");
  }
  const ElementType* type = FindElementType(tensor.data_type());
  if (type == nullptr) {
    return InvalidField(Member(field, "data_type"),
                        absl::StrCat("unknown value ", static_cast<int>(tensor.data_type())), {},
                        "WRONG_DATA_TYPE");
  }
  return type;
}

absl::Status WrongCount(std::string_view field, const v1::Tensor& tensor, const ElementType& type,
                        std::int64_t expected, std::int64_t actual, const char* unit) {
  return InvalidField(field,
                      absl::StrCat("expected ", expected, " ", unit, " for shape ",
                                   ShapeText(ShapeOf(tensor)), " of ", type.name, ", got ", actual),
                      {}, "MALFORMED_TENSOR");
}

absl::Status CheckIntegerRange(std::string_view field, const ElementType& type,
                               absl::Span<const std::int64_t> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < type.minimum || values[i] > type.maximum) {
      return InvalidField(
          Member(field, "ints"),
          absl::StrCat("value ", values[i], " at index ", i, " is out of the range of ", type.name),
          {{"index", absl::StrCat(i)}}, "MALFORMED_TENSOR");
    }
  }
  return absl::OkStatus();
}

// Checks the tensor against itself.
absl::StatusOr<Elements> CheckTensor(std::string_view field, const v1::Tensor& tensor) {
  ASSIGN_OR_RETURN(const ElementType* const type, CheckDataType(field, tensor));
  ASSIGN_OR_RETURN(const std::int64_t count, CheckedCount(field, ShapeOf(tensor), type->width));

  const auto contents = tensor.contents_case();
  if (contents == v1::Tensor::CONTENTS_NOT_SET) {
    return InvalidField(field, "no contents; set raw, floats, doubles or ints", {},
                        "MALFORMED_TENSOR");
  }
  if (contents == v1::Tensor::kRaw) {
    const auto actual = static_cast<std::int64_t>(tensor.raw().size());
    if (actual != count * type->width) {
      return WrongCount(field, tensor, *type, count * type->width, actual, "bytes");
    }
    return Elements{type, type, tensor.raw().data(), count};
  }
  if (contents != type->values) {
    return InvalidField(field, absl::StrCat("contents do not go with data type ", type->name), {},
                        "MALFORMED_TENSOR");
  }

  // Numbers lie in the message as an array of their own type.
  const ElementType* stored = type;
  const void* data = nullptr;
  std::int64_t actual = 0;
  if (contents == v1::Tensor::kFloats) {
    data = tensor.floats().values().data();
    actual = tensor.floats().values_size();
  } else if (contents == v1::Tensor::kDoubles) {
    data = tensor.doubles().values().data();
    actual = tensor.doubles().values_size();
  } else {
    stored = FindElementType(v1::DATA_TYPE_INT64);
    data = tensor.ints().values().data();
    actual = tensor.ints().values_size();
  }
  if (actual != count) return WrongCount(field, tensor, *type, count, actual, "values");
  if (type->is_integer) {
    RETURN_IF_ERROR(CheckIntegerRange(field, *type,
                                      absl::MakeConstSpan(tensor.ints().values().data(), actual)));
  }
  return Elements{type, stored, static_cast<const char*>(data), count};
}

absl::Status ConvertInto(std::string_view field, const v1::Tensor& tensor, const Elements& elements,
                         std::int64_t offset, Buffer* out) {
  std::int64_t bad = -1;
  if (out->type() == DataType::kFloat32) {
    bad = elements.stored->to_float32(elements.data, elements.count, out->data<float>() + offset);
  } else {
    bad = elements.stored->to_float64(elements.data, elements.count, out->data<double>() + offset);
  }
  if (bad < 0) return absl::OkStatus();
  return NonFinite(field, ShapeOf(tensor), bad, out->At(offset + bad), out->type());
}

// A tensor of `shape` as a matrix with `cols` columns.
absl::StatusOr<Matrix> DecodeShape(std::string_view field, const v1::Tensor& tensor,
                                   absl::Span<const std::int64_t> shape, std::int64_t cols,
                                   DataType type) {
  ASSIGN_OR_RETURN(const Elements elements, CheckTensor(field, tensor));
  RETURN_IF_ERROR(CheckShape(field, ShapeOf(tensor), shape));
  Matrix matrix = Matrix::ForOverwrite(type, tensor.shape(0), cols);
  RETURN_IF_ERROR(ConvertInto(field, tensor, elements, 0, &matrix.buffer()));
  return matrix;
}

// Whether a class has an output is the loss's to say; here it only has to be an index at all.
absl::StatusOr<ClassIndices> DecodeClassIndices(std::string_view field, const v1::Tensor& tensor,
                                                std::int64_t rows) {
  ASSIGN_OR_RETURN(const Elements elements, CheckTensor(field, tensor));
  RETURN_IF_ERROR(CheckShape(field, ShapeOf(tensor), {rows}));
  ClassIndices indices(static_cast<std::size_t>(rows));
  const int width = elements.stored->width;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::int64_t index = 0;
    std::memcpy(&index, elements.data + row * width, static_cast<std::size_t>(width));
    // Of the integer types this one alone is signed and narrower than its copy.
    if (elements.stored->data_type == v1::DATA_TYPE_INT32) index = static_cast<std::int32_t>(index);
    if (index < 0 || index > std::numeric_limits<std::int32_t>::max()) {
      return InvalidField(field, absl::StrCat("row ", row, ": expected a class, got ", index),
                          {{"row", absl::StrCat(row)}});
    }
    indices[static_cast<std::size_t>(row)] = static_cast<std::int32_t>(index);
  }
  return indices;
}

// Whether targets [rows] of integers mean a class each.
bool IsClassColumn(const v1::Tensor& tensor) {
  const ElementType* type = FindElementType(tensor.data_type());
  return tensor.shape_size() == 1 && type != nullptr && type->is_integer;
}

}  // namespace

absl::StatusOr<Matrix> DecodeMatrix(std::string_view field, const v1::Tensor& tensor,
                                    std::int64_t rows, std::int64_t cols, DataType type) {
  return DecodeShape(field, tensor, {rows, cols}, cols, type);
}

absl::StatusOr<Matrix> DecodeWeights(std::string_view field, const v1::Tensor& tensor,
                                     std::int64_t rows, const Network& network) {
  ASSIGN_OR_RETURN(Matrix weights, DecodeShape(field, tensor, {rows}, 1, network.data_type()));
  RETURN_IF_ERROR(network.ValidateWeights(weights, rows));
  return weights;
}

absl::StatusOr<Targets> DecodeTargets(std::string_view field, const v1::Tensor& tensor,
                                      std::int64_t rows, const Network& network) {
  const std::int64_t outputs = network.outputs();
  Targets targets;
  if (IsClassColumn(tensor) && network.loss().AcceptsClassIndices()) {
    ASSIGN_OR_RETURN(targets, DecodeClassIndices(field, tensor, rows));
  } else {
    ASSIGN_OR_RETURN(targets, DecodeMatrix(field, tensor, rows, outputs, network.data_type()));
  }
  RETURN_IF_ERROR(network.loss().ValidateTargets(targets, outputs));
  return targets;
}

absl::StatusOr<std::vector<std::int64_t>> DecodeIntegers(std::string_view field,
                                                         const v1::Tensor& tensor) {
  ASSIGN_OR_RETURN(const Elements elements, CheckTensor(field, tensor));
  const v1::DataType type = elements.type->data_type;
  if (type != v1::DATA_TYPE_INT32 && type != v1::DATA_TYPE_INT64) {
    return InvalidField(Member(field, "data_type"),
                        absl::StrCat("expected INT32 or INT64, got ", elements.type->name), {},
                        "WRONG_DATA_TYPE");
  }
  if (tensor.shape_size() != 1) {
    return InvalidField(field, absl::StrCat("expected shape [n], got ", ShapeText(ShapeOf(tensor))),
                        {{"expected", "[n]"}, {"actual", ShapeText(ShapeOf(tensor))}},
                        "WRONG_SHAPE");
  }
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(elements.count));
  if (elements.stored->data_type == v1::DATA_TYPE_INT64) {
    if (!numbers.empty())
      std::memcpy(numbers.data(), elements.data, numbers.size() * sizeof numbers[0]);
    return numbers;
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    std::int32_t number = 0;
    std::memcpy(&number, elements.data + i * sizeof number, sizeof number);
    numbers[i] = number;
  }
  return numbers;
}

absl::StatusOr<Matrix> DecodeVector(std::string_view field, const v1::Tensor& tensor,
                                    std::int64_t size, DataType type) {
  return DecodeShape(field, tensor, {size}, 1, type);
}

absl::Status CheckTensorShape(std::string_view field, const v1::Tensor& tensor,
                              absl::Span<const std::int64_t> shape) {
  RETURN_IF_ERROR(CheckTensor(field, tensor).status());
  return CheckShape(field, ShapeOf(tensor), shape);
}

absl::Status DecodeInto(std::string_view field, const v1::Tensor& tensor,
                        absl::Span<const std::int64_t> shape, Conversion conversion,
                        std::int64_t offset, Buffer* out) {
  ASSIGN_OR_RETURN(const Elements elements, CheckTensor(field, tensor));
  RETURN_IF_ERROR(CheckShape(field, ShapeOf(tensor), shape));
  if (conversion == Conversion::kLossless && !IsLossless(*elements.type, out->type())) {
    return InvalidField(
        Member(field, "data_type"),
        absl::StrCat("expected ", ElementTypeOf(out->type()).name, ", got ", elements.type->name),
        {}, "WRONG_DATA_TYPE");
  }
  return ConvertInto(field, tensor, elements, offset, out);
}

}  // namespace descent::wire
