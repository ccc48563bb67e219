#include "client/cli/encoding/batches.h"

#include <algorithm>
#include <numeric>

#include "client/descent/tensor.h"

namespace descent::cli {

namespace {

constexpr int64_t kMessageBytes = 1 << 20;

int64_t BytesOfNumbers(int64_t features) {
  return static_cast<int64_t>(sizeof(float)) * (features + 1);
}

template <typename T>
v1::Tensor Inputs(const Dataset& dataset, absl::Span<const int64_t> rows) {
  std::vector<T> inputs(rows.size() * dataset.features);
  T* first = inputs.data();
  for (const EncodedColumn& column : dataset.inputs) {
    if (column.is_embedded()) continue;
    T* cell = first;
    for (const int64_t row : rows) {
      if (column.codes.empty()) {
        *cell = static_cast<T>(column.numbers[row]);
      } else if (column.codes[row] != kNoCategory) {
        cell[column.codes[row]] = T{1};
      }
      cell += dataset.features;
    }
    first += column.width;
  }
  return client::MatrixTensor<T>(inputs, dataset.features);
}

template <typename T>
std::vector<T> Targets(const Dataset& dataset, absl::Span<const int64_t> rows) {
  std::vector<T> targets;
  targets.reserve(rows.size());
  for (const int64_t row : rows) targets.push_back(static_cast<T>(dataset.targets[row]));
  return targets;
}

}  // namespace

v1::Tensor GatherInputs(const Dataset& dataset, absl::Span<const int64_t> rows) {
  return dataset.float64 ? Inputs<double>(dataset, rows) : Inputs<float>(dataset, rows);
}

google::protobuf::RepeatedPtrField<v1::CategoricalValues> GatherCategories(
    const Dataset& dataset, absl::Span<const int64_t> rows) {
  google::protobuf::RepeatedPtrField<v1::CategoricalValues> categories;
  for (const EncodedColumn& column : dataset.inputs) {
    if (!column.is_embedded()) continue;
    v1::CategoricalValues& values = *categories.Add();
    values.set_name(column.input);
    auto& texts = *values.mutable_strings()->mutable_values();
    texts.Reserve(static_cast<int>(rows.size()));
    for (const int64_t row : rows) *texts.Add() = column.texts[column.codes[row]];
  }
  return categories;
}

v1::Batch MakeBatch(const Dataset& dataset, absl::Span<const int64_t> rows, v1::LossKind loss) {
  v1::Batch batch;
  SetInputs(dataset, rows, &batch);
  v1::Tensor& targets = *batch.mutable_targets();
  if (loss == v1::LOSS_KIND_SOFTMAX_CROSS_ENTROPY) {
    targets = client::VectorTensor<int64_t>(Targets<int64_t>(dataset, rows));
  } else if (dataset.float64) {
    targets = client::MatrixTensor<double>(Targets<double>(dataset, rows), 1);
  } else {
    targets = client::MatrixTensor<float>(Targets<float>(dataset, rows), 1);
  }
  return batch;
}

std::vector<int64_t> AllRows(int64_t rows) {
  std::vector<int64_t> all(rows);
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

int64_t RowsInMessage(int64_t features) {
  return std::max<int64_t>(1, kMessageBytes / BytesOfNumbers(features));
}

absl::Span<const int64_t> FirstMessage(const Dataset& dataset, absl::Span<const int64_t> rows) {
  std::vector<const EncodedColumn*> embedded;
  for (const EncodedColumn& column : dataset.inputs) {
    if (column.is_embedded()) embedded.push_back(&column);
  }
  int64_t room = kMessageBytes;
  size_t count = 0;
  for (; count < rows.size(); ++count) {
    room -= BytesOfNumbers(dataset.features);
    for (const EncodedColumn* column : embedded) {
      constexpr int64_t kAround = 4;  // a tag and a length
      const auto text = column->texts[column->codes[rows[count]]].size();
      room -= static_cast<int64_t>(text) + kAround;
    }
    if (room < 0) break;
  }
  return rows.first(std::max<size_t>(count, 1));
}

}  // namespace descent::cli
