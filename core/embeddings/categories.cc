#include "core/embeddings/categories.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/finite.h"
#include "core/status_macros.h"

namespace descent {
namespace {

absl::Status InvalidValue(std::string_view field, const std::string& what, std::int64_t row) {
  return InvalidField(field, absl::StrCat(what, " at row ", row), {{"row", absl::StrCat(row)}});
}

absl::Status ValidateRowSplits(const CategoryValues& values, std::int64_t rows) {
  const auto& splits = values.row_splits;
  if (values.rows() != rows) {
    const bool has_splits = !splits.empty();
    return InvalidField(
        has_splits ? "row_splits" : "ids",
        has_splits
            ? absl::StrCat("expected ", rows + 1, " for ", rows, " rows, got ", splits.size())
            : absl::StrCat("expected ", rows, " values, one a row, got ", values.size()),
        {}, "WRONG_SHAPE");
  }
  if (splits.empty()) return absl::OkStatus();
  if (splits.front() != 0) {
    return InvalidField("row_splits", absl::StrCat("expected 0 first, got ", splits.front()));
  }
  for (std::size_t i = 1; i < splits.size(); ++i) {
    if (splits[i] < splits[i - 1]) {
      return InvalidValue("row_splits",
                          absl::StrCat("expected at least ", splits[i - 1], ", got ", splits[i]),
                          static_cast<std::int64_t>(i) - 1);
    }
  }
  if (splits.back() != values.size()) {
    return InvalidField(
        "row_splits", absl::StrCat("expected ", values.size(), ", the number of values, last, got ",
                                   splits.back()));
  }
  return absl::OkStatus();
}

absl::Status ValidateWeights(const CategoricalInputSpec& input, const CategoryValues& values,
                             DataType type) {
  const Matrix& weights = values.weights;
  if (weights.empty()) return absl::OkStatus();
  if (weights.rows() != values.size() || weights.cols() != 1) {
    return InvalidField(
        "weights", absl::StrCat("expected ", values.size(), ", one a value, got ", weights.size()),
        {}, "WRONG_SHAPE");
  }
  if (weights.type() != type) {
    return InvalidField(
        "weights",
        absl::StrCat("expected ", DataTypeName(type), ", got ", DataTypeName(weights.type())), {},
        "WRONG_DATA_TYPE");
  }
  if (const std::int64_t i = FirstNonFinite(weights.buffer()); i >= 0) {
    return InvalidField(
        "weights",
        absl::StrCat("expected finite values, got ", weights.At(i, 0), " at row ", values.RowOf(i)),
        {{"row", absl::StrCat(values.RowOf(i))}}, "NON_FINITE_VALUE");
  }
  if (input.combiner != Combiner::kMean) return absl::OkStatus();
  for (std::int64_t i = 0; i < weights.rows(); ++i) {
    if (weights.At(i, 0) >= 0) continue;
    return InvalidField("weights",
                        absl::StrCat("expected values >= 0 for a mean, got ", weights.At(i, 0),
                                     " at row ", values.RowOf(i)),
                        {{"row", absl::StrCat(values.RowOf(i))}}, "NEGATIVE_WEIGHT");
  }
  return absl::OkStatus();
}

}  // namespace

std::int64_t CategoryValues::RowOf(std::int64_t i) const {
  if (row_splits.empty()) return i;
  return std::upper_bound(row_splits.begin(), row_splits.end(), i) - row_splits.begin() - 1;
}

std::size_t CategoryValues::byte_size() const {
  return buckets.capacity() * sizeof(buckets[0]) + row_splits.capacity() * sizeof(row_splits[0]) +
         weights.buffer().capacity();
}

std::size_t ByteSize(const Categories& categories) {
  std::size_t bytes = categories.capacity() * sizeof(CategoryValues);
  for (const CategoryValues& values : categories) bytes += values.byte_size();
  return bytes;
}

CategoryValues Concatenate(absl::Span<const CategoryValues* const> parts) {
  std::int64_t size = 0;
  std::int64_t rows = 0;
  bool has_splits = false;
  const Matrix* weights = nullptr;
  for (const CategoryValues* part : parts) {
    size += part->size();
    rows += part->rows();
    has_splits = has_splits || !part->row_splits.empty();
    if (!part->weights.empty()) weights = &part->weights;
  }
  CategoryValues all;
  all.buckets.reserve(static_cast<std::size_t>(size));
  if (weights != nullptr) all.weights = Matrix::ForOverwrite(weights->type(), size, 1);
  if (has_splits) {
    all.row_splits.reserve(static_cast<std::size_t>(rows) + 1);
    all.row_splits.push_back(0);
  }
  for (const CategoryValues* part : parts) {
    const std::int64_t before = all.size();
    all.buckets.insert(all.buckets.end(), part->buckets.begin(), part->buckets.end());
    if (has_splits) {
      for (std::int64_t row = 1; row <= part->rows(); ++row) {
        all.row_splits.push_back(before + part->begin(row));
      }
    }
    if (weights == nullptr) continue;
    WithElementType(weights->type(), [&](auto zero) {
      using T = decltype(zero);
      T* const out = all.weights.data<T>() + before;
      part->weights.empty() ? std::fill_n(out, part->size(), T{1})
                            : std::copy_n(part->weights.data<T>(), part->size(), out);
    });
  }
  return all;
}

absl::Status ValidateCategoryValues(const CategoricalInputSpec& input, const CategoryValues& values,
                                    std::int64_t rows, DataType type) {
  RETURN_IF_ERROR(ValidateRowSplits(values, rows));
  for (std::int64_t i = 0; i < values.size(); ++i) {
    const std::int32_t bucket = values.buckets[static_cast<std::size_t>(i)];
    if (bucket < 0 || bucket >= input.buckets) {
      return InvalidValue("ids",
                          absl::StrCat("expected an id in [0, ", input.buckets, "), got ", bucket),
                          values.RowOf(i));
    }
  }
  return ValidateWeights(input, values, type);
}

}  // namespace descent
