#include "server/exchange/onnx/constant.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/check.h"
#include "server/exchange/onnx/file_errors.h"

namespace descent::exchange {
namespace {

using onnx::TensorProto;

// Bytes of an element in raw data; 0 for types that are not read.
std::int64_t WidthOf(std::int64_t type) {
  switch (type) {
    case TensorProto::FLOAT:
    case TensorProto::INT32:
      return 4;
    case TensorProto::DOUBLE:
    case TensorProto::INT64:
      return 8;
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      return 2;
    case TensorProto::BOOL:
      return 1;
    default:
      return 0;
  }
}

bool IsFloatingPointType(std::int64_t type) {
  return type == TensorProto::FLOAT || type == TensorProto::DOUBLE ||
         type == TensorProto::FLOAT16 || type == TensorProto::BFLOAT16;
}

// The elements in the field of their type.
std::int64_t TypedSize(const TensorProto& tensor) {
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return tensor.float_data_size();
    case TensorProto::DOUBLE:
      return tensor.double_data_size();
    case TensorProto::INT64:
      return tensor.int64_data_size();
    default:
      return tensor.int32_data_size();
  }
}

double HalfToDouble(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  const double sign = (bits >> 15) != 0 ? -1 : 1;
  if (exponent == 31) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * mantissa * 0x1p-24;
  return sign * (1024 + mantissa) *
         std::bit_cast<double>(std::uint64_t(exponent + 1023 - 25) << 52);
}

double BfloatToDouble(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

absl::Status InvalidTensor(const TensorProto& tensor, absl::string_view what) {
  return Malformed(absl::StrCat("initializer ", Shown(tensor.name())), what);
}

// The number of elements; unset where it is negative or can't be counted.
std::optional<std::int64_t> SizeOf(const TensorProto& tensor) {
  std::int64_t size = 1;
  bool overflows = false;
  for (const std::int64_t dim : tensor.dims()) {
    if (dim < 0) return std::nullopt;
    overflows = __builtin_mul_overflow(size, dim, &size) || overflows;
  }
  if (overflows) return std::nullopt;
  return size;
}

}  // namespace

bool Constant::Reads(std::int64_t type) { return WidthOf(type) > 0; }

absl::StatusOr<Constant> Constant::Of(const TensorProto& tensor) {
  if (tensor.data_location() != TensorProto::DEFAULT || tensor.external_data_size() > 0) {
    return InvalidTensor(tensor, "its data are in another file; expected them in this one");
  }
  if (tensor.has_segment())
    return InvalidTensor(tensor, "is a part of a tensor, expected all of it");
  const std::int64_t width = WidthOf(tensor.data_type());
  if (width == 0) {
    return InvalidTensor(
        tensor, absl::StrCat("expected numbers, got ONNX's data type ", tensor.data_type()));
  }
  const std::optional<std::int64_t> size = SizeOf(tensor);
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() / width;
  if (!size.has_value() || *size > most || tensor.dims_size() > 16) {
    return InvalidTensor(tensor, absl::StrCat("there is no tensor of ", tensor.dims_size(),
                                              " dimensions with these extents"));
  }
  const auto raw = static_cast<std::int64_t>(tensor.raw_data().size());
  if (tensor.has_raw_data() ? raw != *size * width : TypedSize(tensor) != *size) {
    const std::string held = tensor.has_raw_data() ? absl::StrCat(raw, " bytes")
                                                   : absl::StrCat(TypedSize(tensor), " numbers");
    return InvalidTensor(
        tensor, absl::StrCat("expected ", *size, " numbers of ", width, " bytes for shape [",
                             absl::StrJoin(tensor.dims(), ", "), "], got ", held));
  }
  Constant constant(&tensor);
  constant.dims_.assign(tensor.dims().begin(), tensor.dims().end());
  constant.size_ = *size;
  constant.type_ = tensor.data_type();
  return constant;
}

Constant Constant::Row(const std::string& name, const std::vector<double>& numbers,
                       bool is_double) {
  auto tensor = std::make_shared<TensorProto>();
  tensor->set_name(name);
  tensor->set_data_type(is_double ? TensorProto::DOUBLE : TensorProto::FLOAT);
  for (const double number : numbers) {
    if (is_double) {
      tensor->add_double_data(number);
    } else {
      tensor->add_float_data(static_cast<float>(number));
    }
  }
  Constant constant(tensor.get());
  constant.size_ = static_cast<std::int64_t>(numbers.size());
  constant.dims_ = {constant.size_};
  constant.type_ = tensor->data_type();
  constant.own_ = std::move(tensor);
  return constant;
}

bool Constant::IsFloatingPoint() const { return IsFloatingPointType(type_); }
bool Constant::IsDouble() const { return type_ == TensorProto::DOUBLE; }

std::optional<Constant> Constant::Transposed() const {
  if (rank() != 2 || factors_ != nullptr) return std::nullopt;
  Constant other = *this;
  std::swap(other.dims_[0], other.dims_[1]);
  if (transposed_rows_ == 0) {
    other.transposed_rows_ = dims_[0];
  } else if (transposed_rows_ == dims_[1]) {
    other.transposed_rows_ = 0;
  } else {
    return std::nullopt;  // of another shape since
  }
  return other;
}

std::optional<Constant> Constant::Reshaped(std::vector<std::int64_t> dims) const {
  std::int64_t product = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0 || __builtin_mul_overflow(product, dim, &product)) return std::nullopt;
  }
  if (product != size_ || factors_ != nullptr) return std::nullopt;
  Constant other = *this;
  other.dims_ = std::move(dims);
  return other;
}

Constant Constant::Scaled(const std::vector<double>& rows,
                          const std::vector<double>& columns) const {
  DESCENT_CHECK(rank() == 2 && IsFloatingPoint());
  DESCENT_CHECK(rows.empty() || static_cast<std::int64_t>(rows.size()) == dims_[0]);
  DESCENT_CHECK(columns.empty() || static_cast<std::int64_t>(columns.size()) == dims_[1]);
  auto factors = factors_ == nullptr
                     ? std::make_shared<Factors>(
                           Factors{std::vector<double>(static_cast<std::size_t>(dims_[0]), 1),
                                   std::vector<double>(static_cast<std::size_t>(dims_[1]), 1)})
                     : std::make_shared<Factors>(*factors_);
  for (std::size_t i = 0; i < rows.size(); ++i) factors->rows[i] *= rows[i];
  for (std::size_t j = 0; j < columns.size(); ++j) factors->columns[j] *= columns[j];
  Constant other = *this;
  other.factors_ = std::move(factors);
  return other;
}

double Constant::FactorOf(std::int64_t i) const {
  if (factors_ == nullptr) return 1;
  return factors_->rows[static_cast<std::size_t>(i / dims_[1])] *
         factors_->columns[static_cast<std::size_t>(i % dims_[1])];
}

Constant Constant::WithRowsFirst(std::int64_t begin, std::int64_t count) const {
  DESCENT_CHECK(rank() == 2 && begin >= 0 && count >= 0 && begin + count <= dims_[0]);
  Constant other = *this;
  other.first_rows_begin_ = begin;
  other.first_rows_ = count;
  return other;
}

std::int64_t Constant::PlaceBefore(std::int64_t i) const {
  if (first_rows_ == 0) return i;
  const std::int64_t cols = dims_[1];
  if (i < first_rows_ * cols) return i + first_rows_begin_ * cols;
  return i < (first_rows_begin_ + first_rows_) * cols ? i - first_rows_ * cols : i;
}

std::optional<Constant> Constant::Converted(std::int64_t type) const {
  if (!IsFloatingPointType(type) || WidthOf(type) < 4) return std::nullopt;
  if (type_ == TensorProto::DOUBLE && type == TensorProto::FLOAT) return std::nullopt;  // rounds
  Constant other = *this;
  other.type_ = type;
  return other;
}

template <typename Function>
void Constant::WithElements(const Function& function) const {
  const TensorProto& tensor = *tensor_;
  const char* const raw = tensor.raw_data().data();
  const auto load = [raw](auto zero, std::int64_t i) {
    std::memcpy(&zero, raw + i * static_cast<std::int64_t>(sizeof(zero)), sizeof(zero));
    return zero;
  };
  const bool is_raw = tensor.has_raw_data();
  const auto small = [&](std::int64_t i) {
    return is_raw ? load(std::uint16_t{}, i)
                  : static_cast<std::uint16_t>(tensor.int32_data(static_cast<int>(i)));
  };
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return function([&](std::int64_t i) {
        return is_raw ? load(float{}, i) : tensor.float_data(static_cast<int>(i));
      });
    case TensorProto::DOUBLE:
      return function([&](std::int64_t i) {
        return is_raw ? load(double{}, i) : tensor.double_data(static_cast<int>(i));
      });
    case TensorProto::INT64:
      return function([&](std::int64_t i) {
        return is_raw ? load(std::int64_t{}, i) : tensor.int64_data(static_cast<int>(i));
      });
    case TensorProto::FLOAT16:
      return function([&](std::int64_t i) { return HalfToDouble(small(i)); });
    case TensorProto::BFLOAT16:
      return function([&](std::int64_t i) { return BfloatToDouble(small(i)); });
    case TensorProto::BOOL:
      return function([&](std::int64_t i) {
        return is_raw ? static_cast<std::int32_t>(load(char{}, i))
                      : tensor.int32_data(static_cast<int>(i));
      });
    default:
      return function([&](std::int64_t i) {
        return is_raw ? load(std::int32_t{}, i) : tensor.int32_data(static_cast<int>(i));
      });
  }
}

double Constant::At(std::int64_t i) const {
  i = PlaceBefore(i);
  const double factor = FactorOf(i);
  if (transposed_rows_ > 0) {
    const std::int64_t cols = size_ / transposed_rows_;
    i = i % transposed_rows_ * cols + i / transposed_rows_;
  }
  double value = 0;
  WithElements([&](const auto& element) { value = static_cast<double>(element(i)); });
  return value * factor;
}

template <typename T>
void Constant::Read(T* values) const {
  if (factors_ != nullptr) {
    for (std::int64_t i = 0; i < size_; ++i) values[i] = static_cast<T>(At(i));
    return;
  }
  if (first_rows_ > 0) {
    const std::int64_t cols = dims_[1];
    Constant before = *this;
    before.first_rows_ = 0;
    before.Read(values);
    std::rotate(values, values + first_rows_begin_ * cols,
                values + (first_rows_begin_ + first_rows_) * cols);
    return;
  }
  WithElements([&](const auto& element) {
    if (transposed_rows_ == 0) {
      for (std::int64_t i = 0; i < size_; ++i) values[i] = static_cast<T>(element(i));
      return;
    }
    const std::int64_t rows = transposed_rows_;
    const std::int64_t cols = size_ / rows;
    constexpr std::int64_t kBlock = 32;
    for (std::int64_t r0 = 0; r0 < rows; r0 += kBlock) {
      for (std::int64_t c0 = 0; c0 < cols; c0 += kBlock) {
        for (std::int64_t r = r0; r < std::min(r0 + kBlock, rows); ++r) {
          for (std::int64_t c = c0; c < std::min(c0 + kBlock, cols); ++c) {
            values[c * rows + r] = static_cast<T>(element(r * cols + c));
          }
        }
      }
    }
  });
}

template void Constant::Read(float* values) const;
template void Constant::Read(double* values) const;

}  // namespace descent::exchange
