// What is checked of a tensor's shape and numbers, however they were written.

#ifndef SERVER_WIRE_TENSOR_CHECKS_H_
#define SERVER_WIRE_TENSOR_CHECKS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/data_type.h"

namespace descent::wire {

// "[32, 13]"; `n` stands for kAnyRows, and a shape that nobody could mean is cut short.
std::string ShapeText(absl::Span<const std::int64_t> shape);

// A member of the tensor at `field`, such as "inputs.shape".
std::string Member(std::string_view field, const char* name);

// The product of the dimensions, none of which may be negative, when that many elements of `width`
// bytes have a size at all. MALFORMED_TENSOR at the member "shape".
absl::StatusOr<std::int64_t> CheckedCount(std::string_view field,
                                          absl::Span<const std::int64_t> shape, int width);

// WRONG_SHAPE unless `actual` is what is expected; see kAnyRows.
absl::Status CheckShape(std::string_view field, absl::Span<const std::int64_t> actual,
                        absl::Span<const std::int64_t> expected);

// Where the element at `index` of a tensor of `shape` is: "row 3", or of a matrix "row 3, column
// 1".
std::string PlaceText(absl::Span<const std::int64_t> shape, std::int64_t index);

// Adds the same to an error as metadata: row, and of a matrix column.
absl::Status WithPlace(absl::Status status, absl::Span<const std::int64_t> shape,
                       std::int64_t index);

// NON_FINITE_VALUE: of the element at `index` of a tensor of `shape`, which became `value` in
// `type`. A vector has one element a row.
absl::Status NonFinite(std::string_view field, absl::Span<const std::int64_t> shape,
                       std::int64_t index, double value, DataType type);

}  // namespace descent::wire

#endif  // SERVER_WIRE_TENSOR_CHECKS_H_
