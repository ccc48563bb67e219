// What a network learns from: rows of inputs with their targets and, if wanted, weights.

#ifndef CORE_BATCH_H_
#define CORE_BATCH_H_

#include <cstdint>
#include <variant>
#include <vector>

#include "core/buffer.h"
#include "core/embeddings/categories.h"

namespace descent {

using ClassIndices = std::vector<std::int32_t>;  // [rows], each >= 0

// Values `[rows, outputs]`, or for the class losses class indices `[rows]`.
using Targets = std::variant<Matrix, ClassIndices>;

// Rows that `targets` hold.
inline std::int64_t TargetRows(const Targets& targets) {
  if (const auto* values = std::get_if<Matrix>(&targets)) return values->rows();
  return static_cast<std::int64_t>(std::get<ClassIndices>(targets).size());
}

struct Batch {
  Matrix inputs;  // [rows, input_features]
  Targets targets;
  Matrix weights;         // [rows, 1], each >= 0; empty: every row weighs the same
  Categories categories;  // of networks with categorical inputs

  std::int64_t rows() const { return inputs.rows(); }
};

}  // namespace descent

#endif  // CORE_BATCH_H_
