#include "server/wire/tensor_checks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "server/wire/element_type.h"
#include "server/wire/tensor.h"

namespace descent::wire {
namespace {

// A vector has one element a row.
std::int64_t ColumnsOf(absl::Span<const std::int64_t> shape) {
  return shape.size() < 2 ? 1 : shape.back();
}

}  // namespace

std::string ShapeText(absl::Span<const std::int64_t> shape) {
  constexpr std::size_t kMostDimensions = 8;
  std::string text = "[";
  for (std::size_t i = 0; i < std::min(shape.size(), kMostDimensions); ++i) {
    if (i > 0) absl::StrAppend(&text, ", ");
    if (shape[i] == kAnyRows) {
      absl::StrAppend(&text, "n");
    } else {
      absl::StrAppend(&text, shape[i]);
    }
  }
  absl::StrAppend(&text, shape.size() > kMostDimensions ? ", ...]" : "]");
  return text;
}

std::string Member(std::string_view field, const char* name) {
  return absl::StrCat(absl::string_view(field.data(), field.size()), ".", name);
}

absl::StatusOr<std::int64_t> CheckedCount(std::string_view field,
                                          absl::Span<const std::int64_t> shape, int width) {
  std::int64_t count = 1;
  bool overflow = false;
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) {
      return InvalidField(Member(field, "shape"),
                          absl::StrCat("expected dimensions >= 0, got ", dimension), {},
                          "MALFORMED_TENSOR");
    }
    overflow |= __builtin_mul_overflow(count, dimension, &count);
  }
  std::int64_t bytes = 0;
  overflow |= __builtin_mul_overflow(count, width, &bytes);
  if (overflow) {
    return InvalidField(Member(field, "shape"),
                        absl::StrCat("the size of ", ShapeText(shape), " overflows"), {},
                        "MALFORMED_TENSOR");
  }
  return count;
}

absl::Status CheckShape(std::string_view field, absl::Span<const std::int64_t> actual,
                        absl::Span<const std::int64_t> expected) {
  const bool matches = std::equal(expected.begin(), expected.end(), actual.begin(), actual.end(),
                                  [](std::int64_t want, std::int64_t got) {
                                    return want == kAnyRows ? got >= 1 : want == got;
                                  });
  if (matches) return absl::OkStatus();
  const std::string expected_text = ShapeText(expected);
  const std::string actual_text = ShapeText(actual);
  const bool any_rows = !expected.empty() && expected[0] == kAnyRows;
  const bool no_rows = any_rows && !actual.empty() && actual[0] == 0;
  return InvalidField(field,
                      absl::StrCat("expected shape ", expected_text,
                                   no_rows ? " with n >= 1, got " : ", got ", actual_text),
                      {{"expected", expected_text}, {"actual", actual_text}}, "WRONG_SHAPE");
}

std::string PlaceText(absl::Span<const std::int64_t> shape, std::int64_t index) {
  const std::int64_t cols = ColumnsOf(shape);
  if (shape.size() < 2) return absl::StrCat("row ", index / cols);
  return absl::StrCat("row ", index / cols, ", column ", index % cols);
}

absl::Status WithPlace(absl::Status status, absl::Span<const std::int64_t> shape,
                       std::int64_t index) {
  const std::int64_t cols = ColumnsOf(shape);
  status = WithMetadata(std::move(status), "row", absl::StrCat(index / cols));
  if (shape.size() < 2) return status;
  return WithMetadata(std::move(status), "column", absl::StrCat(index % cols));
}

absl::Status NonFinite(std::string_view field, absl::Span<const std::int64_t> shape,
                       std::int64_t index, double value, DataType type) {
  return WithPlace(
      InvalidField(field,
                   absl::StrCat("expected finite ", ElementTypeOf(type).name, " values, got ",
                                value, " at ", PlaceText(shape, index)),
                   {}, "NON_FINITE_VALUE"),
      shape, index);
}

}  // namespace descent::wire
