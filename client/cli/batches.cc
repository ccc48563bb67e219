#include "client/cli/batches.h"

#include <algorithm>
#include <numeric>

#include "client/descent/tensor.h"

namespace descent::cli {

v1::Tensor GatherInputs(const Dataset& dataset, absl::Span<const int64_t> rows) {
  std::vector<float> inputs(rows.size() * dataset.features);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(dataset.inputs.begin() + rows[i] * dataset.features, dataset.features,
                inputs.begin() + static_cast<int64_t>(i) * dataset.features);
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
    for (const int64_t row : rows) targets.push_back(dataset.targets[row]);
    *batch.mutable_targets() = client::MatrixTensor<float>(targets, 1);
  }
  return batch;
}

std::vector<v1::Batch> MakeBatches(const Dataset& dataset, absl::Span<const int64_t> rows,
                                   int64_t batch_rows, v1::LossKind loss) {
  std::vector<v1::Batch> batches;
  for (size_t i = 0; i < rows.size(); i += batch_rows) {
    batches.push_back(MakeBatch(dataset, rows.subspan(i, batch_rows), loss));
  }
  return batches;
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
