#include "client/cli/batches.h"

#include <algorithm>
#include <numeric>

#include "client/descent/tensor.h"

namespace descent::cli {

v1::Tensor GatherInputs(const Dataset& dataset, absl::Span<const int64_t> rows) {
  std::vector<float> inputs(rows.size() * dataset.features);
  float* first = inputs.data();
  for (const EncodedColumn& column : dataset.inputs) {
    float* cell = first;
    for (const int64_t row : rows) {
      if (column.codes.empty()) {
        *cell = static_cast<float>(column.numbers[row]);
      } else if (column.codes[row] != kNoCategory) {
        cell[column.codes[row]] = 1.0F;
      }
      cell += dataset.features;
    }
    first += column.width;
  }
  return client::MatrixTensor<float>(inputs, dataset.features);
}

v1::Batch MakeBatch(const Dataset& dataset, absl::Span<const int64_t> rows, v1::LossKind loss) {
  v1::Batch batch;
  *batch.mutable_inputs() = GatherInputs(dataset, rows);
  if (loss == v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY) {
    std::vector<int64_t> targets;
    targets.reserve(rows.size());
    for (const int64_t row : rows) targets.push_back(static_cast<int64_t>(dataset.targets[row]));
    *batch.mutable_targets() = client::VectorTensor<int64_t>(targets);
  } else {
    std::vector<float> targets;
    targets.reserve(rows.size());
    for (const int64_t row : rows) targets.push_back(static_cast<float>(dataset.targets[row]));
    *batch.mutable_targets() = client::MatrixTensor<float>(targets, 1);
  }
  return batch;
}

std::vector<int64_t> AllRows(int64_t rows) {
  std::vector<int64_t> all(rows);
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

int64_t RowsInMessage(int64_t features) {
  constexpr int64_t kBytes = 1 << 20;
  return std::max<int64_t>(1, kBytes / (static_cast<int64_t>(sizeof(float)) * (features + 1)));
}

}  // namespace descent::cli
