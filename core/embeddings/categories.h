// What the rows of a batch have for the categorical inputs of a network.

#ifndef CORE_EMBEDDINGS_CATEGORIES_H_
#define CORE_EMBEDDINGS_CATEGORIES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/buffer.h"
#include "core/spec.h"

namespace descent {

// For one categorical input: the rows of its table that each row of the batch names.
struct CategoryValues {
  std::vector<std::int32_t> buckets;  // [k], rows of the table
  // [rows + 1]: row i has values [row_splits[i], row_splits[i + 1]). Empty: one value a row.
  std::vector<std::int64_t> row_splits;
  Matrix weights;  // [k, 1]; empty: each 1

  std::int64_t size() const { return static_cast<std::int64_t>(buckets.size()); }
  std::int64_t rows() const {
    return row_splits.empty() ? size() : static_cast<std::int64_t>(row_splits.size()) - 1;
  }
  // The first value of a row; of the row behind the last one, size().
  std::int64_t begin(std::int64_t row) const {
    return row_splits.empty() ? row : row_splits[static_cast<std::size_t>(row)];
  }
  // The row that has value `i`.
  std::int64_t RowOf(std::int64_t i) const;
  std::size_t byte_size() const;
};

// One for each categorical input, in the spec's order.
using Categories = std::vector<CategoryValues>;

std::size_t ByteSize(const Categories& categories);

// All rows of the parts, one part behind the other. Each row's block comes out with the bits that
// it has by itself.
CategoryValues Concatenate(absl::Span<const CategoryValues* const> parts);

// Checks values for `rows` rows of a network of `type`. kInvalidArgument with "ids", "row_splits"
// or "weights" as the field and metadata `row`.
absl::Status ValidateCategoryValues(const CategoricalInputSpec& input, const CategoryValues& values,
                                    std::int64_t rows, DataType type);

}  // namespace descent

#endif  // CORE_EMBEDDINGS_CATEGORIES_H_
