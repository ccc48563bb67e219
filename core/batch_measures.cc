#include "core/batch_measures.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <variant>

#include "core/kernels/lane_sums.h"
#include "core/kernels/packet.h"
#include "core/kernels/portable_math.h"
#include "core/losses/kinds.h"

namespace descent {
namespace {

using kernels::ForEachPacket;
using kernels::LaneSums;
using kernels::Packet;

// A batch whose targets are numbers or classes: exactly one of `values` and `classes` is set.
template <typename T>
struct View {
  const T* outputs;
  const T* values;
  const std::int32_t* classes;
  const T* weights;  // null: all are 1
  std::int64_t rows;
  std::int64_t cols;

  const T* OutputsOf(std::int64_t row) const { return outputs + row * cols; }
  // What one output should be. A class is the number that a single output should be.
  double TargetAt(std::int64_t row, std::int64_t col) const {
    return values != nullptr ? static_cast<double>(values[row * cols + col]) : classes[row];
  }
};

// The mean over the rows, by their weights; what a row without weight has counts for nothing,
// whatever it is. measure(row) gives BatchMeasures of one.
template <typename T, typename Measure>
BatchMeasures MeanOverRows(const View<T>& batch, const Measure& measure) {
  BatchMeasures sums = {0, 0};
  double total = 0;
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    const double weight = batch.weights != nullptr ? static_cast<double>(batch.weights[row]) : 1;
    if (weight == 0) continue;
    const BatchMeasures of_row = measure(row);
    sums[0] += weight * of_row[0];
    sums[1] += weight * of_row[1];
    total += weight;
  }
  return {sums[0] / total, sums[1] / total};
}

// Σ_d (p - y)² and Σ_d |p - y| of so many outputs that registers pay.
template <typename T>
[[gnu::flatten]] BatchMeasures WideErrors(const T* outputs, const T* targets, std::int64_t n) {
  LaneSums<T> squares;
  LaneSums<T> absolutes;
  ForEachPacket<T>(
      n, [&](auto slice) __attribute__((always_inline)) {
        const Packet<T> residual = slice.Filled(slice.Load(outputs) - slice.Load(targets), 0);
        squares.AddProduct(slice, residual, residual);
        absolutes.Add(slice, Abs(residual));
      });
  return {static_cast<double>(squares.Total()), static_cast<double>(absolutes.Total())};
}

template <typename T>
BatchMeasures Errors(const View<T>& batch, bool outputs_are_logarithms) {
  const auto count = static_cast<double>(batch.cols);
  return MeanOverRows(batch, [&](std::int64_t row) -> BatchMeasures {
    const T* const outputs = batch.OutputsOf(row);
    BatchMeasures sums = {0, 0};
    if (!outputs_are_logarithms && batch.cols >= kernels::kSumLanes<T>) {
      sums = WideErrors(outputs, batch.values + row * batch.cols, batch.cols);
    } else {
      for (std::int64_t d = 0; d < batch.cols; ++d) {
        const auto output = static_cast<double>(outputs[d]);
        const double prediction = outputs_are_logarithms ? portable::Exp(output) : output;
        const double residual = prediction - batch.TargetAt(row, d);
        sums[0] += residual * residual;
        sums[1] += std::abs(residual);
      }
    }
    return {sums[0] / count, sums[1] / count};
  });
}

// The share of the outputs on the right side of one half; log_loss: that of all rows.
template <typename T>
BatchMeasures SidesTaken(const View<T>& batch, double log_loss) {
  const auto count = static_cast<double>(batch.cols);
  const BatchMeasures mean = MeanOverRows(batch, [&](std::int64_t row) -> BatchMeasures {
    std::int64_t right = 0;
    for (std::int64_t d = 0; d < batch.cols; ++d) {
      right += (batch.OutputsOf(row)[d] >= 0) == (batch.TargetAt(row, d) >= 0.5) ? 1 : 0;
    }
    return {static_cast<double>(right) / count, 0};
  });
  return {mean[0], log_loss};
}

// The first of the largest.
template <typename T>
std::int64_t Largest(const T* values, std::int64_t n) {
  return std::max_element(values, values + n) - values;
}

// Without label smoothing: -Σ_d y log p of one row.
template <typename T>
double LogLossOf(const View<T>& batch, std::int64_t row) {
  const T* const outputs = batch.OutputsOf(row);
  const auto largest = static_cast<double>(*std::max_element(outputs, outputs + batch.cols));
  double exponentials = 0;
  for (std::int64_t d = 0; d < batch.cols; ++d) {
    exponentials += portable::Exp(static_cast<double>(outputs[d]) - largest);
  }
  const double log_normalizer = largest + portable::Log(exponentials);
  if (batch.classes != nullptr) {
    return log_normalizer - static_cast<double>(outputs[batch.classes[row]]);
  }
  double log_loss = 0;
  for (std::int64_t d = 0; d < batch.cols; ++d) {
    // A share of 0 counts for nothing, whatever is predicted.
    const auto share = static_cast<double>(batch.values[row * batch.cols + d]);
    if (share != 0) log_loss += share * (log_normalizer - static_cast<double>(outputs[d]));
  }
  return log_loss;
}

// loss: of all rows, with label smoothing if there is any.
template <typename T>
BatchMeasures ClassesFound(const View<T>& batch, bool is_smoothed, double loss) {
  const BatchMeasures mean = MeanOverRows(batch, [&](std::int64_t row) -> BatchMeasures {
    const std::int64_t actual = batch.classes != nullptr
                                    ? batch.classes[row]
                                    : Largest(batch.values + row * batch.cols, batch.cols);
    return {Largest(batch.OutputsOf(row), batch.cols) == actual ? 1.0 : 0.0,
            is_smoothed ? LogLossOf(batch, row) : 0};
  });
  return {mean[0], is_smoothed ? mean[1] : loss};
}

bool IsSmoothed(const LossSpec& loss) {
  const auto* const softmax = std::get_if<SoftmaxCrossEntropyLoss>(&loss);
  return softmax != nullptr && softmax->label_smoothing != 0;
}

template <typename T>
BatchMeasures MeasureAs(const LossSpec& spec, const View<T>& batch, double loss) {
  switch (GetLossInfo(spec).targets) {
    case TargetKind::kReal:
      return Errors(batch, /*outputs_are_logarithms=*/false);
    case TargetKind::kCount:
      return Errors(batch, /*outputs_are_logarithms=*/true);
    case TargetKind::kProbability:
      return SidesTaken(batch, loss);
    case TargetKind::kDistribution:
      break;
  }
  return ClassesFound(batch, IsSmoothed(spec), loss);
}

bool IsRegression(TargetKind targets) {
  return targets == TargetKind::kReal || targets == TargetKind::kCount;
}

}  // namespace

BatchMeasures MeasureBatch(const Network& network, const Matrix& outputs, const Targets& targets,
                           const Matrix& weights, double loss) {
  return WithElementType(network.data_type(), [&](auto zero) {
    using T = decltype(zero);
    const auto* const values = std::get_if<Matrix>(&targets);
    const View<T> batch{
        .outputs = outputs.data<T>(),
        .values = values != nullptr ? values->data<T>() : nullptr,
        .classes = values != nullptr ? nullptr : std::get<ClassIndices>(targets).data(),
        .weights = weights.empty() ? nullptr : weights.data<T>(),
        .rows = outputs.rows(),
        .cols = outputs.cols()};
    return MeasureAs(network.spec().loss, batch, loss);
  });
}

std::map<std::string, double> NamedMeasures(const LossSpec& loss, const BatchMeasures& measures) {
  const bool is_regression = IsRegression(GetLossInfo(loss).targets);
  std::map<std::string, double> named;
  const auto add = [&](const char* name, double value) {
    if (std::isfinite(value)) named[name] = value;
  };
  add(is_regression ? "rmse" : "accuracy", is_regression ? std::sqrt(measures[0]) : measures[0]);
  add(is_regression ? "mae" : "log_loss", measures[1]);
  return named;
}

}  // namespace descent
