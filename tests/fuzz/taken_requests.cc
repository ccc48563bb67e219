#include "tests/fuzz/taken_requests.h"

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "server/wire/element_type.h"

namespace descent::fuzz {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Where types, exponentials and squares have their edges.
constexpr double kNumbers[] = {
    0,     1,    -1,         0.5,  2,     3,      -0.0,   1e-3,  7,      100,   -100,     1e10,
    -1e10, 1e19, 1e20,       3e38, -3e38, 3.5e38, 1e39,   1e-45, 1e-320, 1e154, -1e155,   1e300,
    255,   256,  2147483647, 88.7, 88.8,  709.7,  -745.2, 65504, 65520,  NAN,   kInfinity};

template <typename T>
void Append(T value, std::string* raw) {
  raw->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// As an integer of the type would hold it, without overflow.
std::int64_t ToInteger(double value) {
  return std::abs(value) < 1e18 ? static_cast<std::int64_t>(value) : 0;
}

void AppendRaw(double value, v1::DataType type, std::string* raw) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT32:
      return Append(static_cast<float>(value), raw);
    case v1::DATA_TYPE_FLOAT64:
      return Append(value, raw);
    case v1::DATA_TYPE_INT32:
      return Append(static_cast<std::int32_t>(ToInteger(value)), raw);
    case v1::DATA_TYPE_INT64:
      return Append(ToInteger(value), raw);
    case v1::DATA_TYPE_UINT8:
      return Append(static_cast<std::uint8_t>(ToInteger(value)), raw);
    default:
      // BFLOAT16, and as bits of FLOAT16 what they are.
      return Append(
          static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16),
          raw);
  }
}

std::vector<double> TakeValues(Taken* taken, std::int64_t rows, std::int64_t cols) {
  std::vector<double> values(static_cast<std::size_t>(rows * cols));
  const int way = taken->Below(4);
  const int shift = taken->Byte();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i) / cols;
    const auto col = static_cast<std::int64_t>(i) % cols;
    switch (way) {
      case 0:  // a class's indicator
        values[i] = (row + shift) % cols == col ? 1 : 0;
        break;
      case 1:
        values[i] = static_cast<double>((i * 5 + static_cast<std::size_t>(shift)) % 2);
        break;
      case 2:
        values[i] = static_cast<double>((i * 7 + static_cast<std::size_t>(shift)) % 5);
        break;
      default:
        values[i] = kNumbers[static_cast<std::size_t>(taken->Below(std::size(kNumbers)))];
        break;
    }
  }
  // One that is anything.
  if (!values.empty() && taken->Below(8) == 7) {
    values[taken->Byte() % values.size()] =
        kNumbers[static_cast<std::size_t>(taken->Below(std::size(kNumbers)))];
  }
  return values;
}

}  // namespace

v1::Tensor TakeTensor(Taken* taken, std::int64_t rows, std::int64_t cols) {
  v1::Tensor tensor;
  const int type = taken->Below(64);
  tensor.set_data_type(static_cast<v1::DataType>(type == 63 ? taken->Byte() : 1 + type % 7));
  const int shape = taken->Below(16);
  if (shape == 15) rows += taken->Below(3) - 1;
  if (shape == 14) cols += taken->Below(3) - 1;
  if (shape == 13) cols = 1;
  const bool is_vector = shape >= 9 && shape <= 12;
  if (is_vector) cols = 1;
  tensor.add_shape(rows);
  if (!is_vector) tensor.add_shape(cols);
  const std::vector<double> values =
      TakeValues(taken, std::max<std::int64_t>(rows, 0), std::max<std::int64_t>(cols, 1));
  const wire::ElementType* const element = wire::FindElementType(tensor.data_type());
  const v1::Tensor::ContentsCase contents =
      element != nullptr && taken->Below(2) == 0 ? element->values : v1::Tensor::kRaw;
  for (const double value : values) {
    if (contents == v1::Tensor::kFloats) {
      tensor.mutable_floats()->add_values(static_cast<float>(value));
    } else if (contents == v1::Tensor::kDoubles) {
      tensor.mutable_doubles()->add_values(value);
    } else if (contents == v1::Tensor::kInts) {
      tensor.mutable_ints()->add_values(ToInteger(value));
    } else {
      AppendRaw(value, tensor.data_type(), tensor.mutable_raw());
    }
  }
  return tensor;
}

v1::Batch TakeBatch(Taken* taken, const Network& network) {
  v1::Batch batch;
  const std::int64_t rows = 1 + taken->Below(8);
  *batch.mutable_inputs() = TakeTensor(taken, rows, network.input_features());
  *batch.mutable_targets() = TakeTensor(taken, rows, network.outputs());
  if (taken->Below(4) == 3) {
    *batch.mutable_weights() = TakeTensor(taken, rows, 1);
    batch.mutable_weights()->mutable_shape()->Truncate(1);
  }
  return batch;
}

}  // namespace descent::fuzz
