#include "core/batch_measures.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <variant>

#include "core/kernels/lane_sums.h"
#include "core/kernels/packet.h"
#include "core/kernels/portable_math.h"
#include "core/losses/kinds.h"
#include "core/losses/softmax_cross_entropy.h"

namespace descent {
namespace {

using kernels::ForEachPacket;
using kernels::LaneSums;
using kernels::Packet;

// A batch whose targets are numbers or classes: exactly one of `values` and `classes` is set.
template <typename T>
struct MeasuredBatch {
  const T* outputs;
  const T* values;
  const std::int32_t* classes;
  const T* weights;  // null: all are 1
  std::int64_t rows;
  std::int64_t cols;

  const T* OutputsOf(std::int64_t row) const { return outputs + row * cols; }
};

// The mean over the rows, by their weights; what a row without weight has counts for nothing,
// whatever it is. measure(row) gives BatchMeasures of one.
template <typename T, typename Measure>
BatchMeasures MeanOverRows(const MeasuredBatch<T>& batch, const Measure& measure) {
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

// Σ (p - y)² and Σ |p - y| of n elements, in registers.
template <typename T>
[[gnu::flatten]] BatchMeasures SumInRegisters(const T* outputs, const T* targets, std::int64_t n) {
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

// The same of any number of them, which are added up in double a block at a time.
template <typename T>
BatchMeasures SumOfErrors(const T* outputs, const T* targets, std::int64_t n) {
  constexpr std::int64_t kBlock = 1024;
  BatchMeasures sums = {0, 0};
  for (std::int64_t begin = 0; begin < n; begin += kBlock) {
    const BatchMeasures block =
        SumInRegisters(outputs + begin, targets + begin, std::min(kBlock, n - begin));
    sums[0] += block[0];
    sums[1] += block[1];
  }
  return sums;
}

// Outputs are logarithms of rates.
template <typename T>
BatchMeasures SumOfRateErrors(const T* outputs, const T* targets, std::int64_t n) {
  BatchMeasures sums = {0, 0};
  for (std::int64_t i = 0; i < n; ++i) {
    const double residual =
        portable::Exp(static_cast<double>(outputs[i])) - static_cast<double>(targets[i]);
    sums[0] += residual * residual;
    sums[1] += std::abs(residual);
  }
  return sums;
}

// sum(outputs, targets, n) gives the errors of n elements; the means over rows and outputs.
template <typename T, typename Sum>
BatchMeasures MeanErrors(const MeasuredBatch<T>& batch, const Sum& sum) {
  const auto mean = [&](std::int64_t begin, std::int64_t n) -> BatchMeasures {
    const BatchMeasures sums = sum(batch.outputs + begin, batch.values + begin, n);
    return {sums[0] / static_cast<double>(n), sums[1] / static_cast<double>(n)};
  };
  if (batch.weights == nullptr) return mean(0, batch.rows * batch.cols);
  return MeanOverRows(batch, [&](std::int64_t row) { return mean(row * batch.cols, batch.cols); });
}

// How many of n outputs lie on the right side of one half. targets: numbers or classes.
template <typename T, typename Target>
std::int64_t CountRightSides(const T* outputs, const Target* targets, std::int64_t n) {
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    right += (outputs[i] >= 0) == (static_cast<T>(targets[i]) >= T(0.5)) ? 1 : 0;
  }
  return right;
}

// log_loss: that of all rows.
template <typename T>
BatchMeasures SidesTaken(const MeasuredBatch<T>& batch, double log_loss) {
  const auto share = [&](std::int64_t begin, std::int64_t n) {
    const T* const outputs = batch.outputs + begin;
    const std::int64_t right = batch.values != nullptr
                                   ? CountRightSides(outputs, batch.values + begin, n)
                                   : CountRightSides(outputs, batch.classes + begin, n);
    return static_cast<double>(right) / static_cast<double>(n);
  };
  if (batch.weights == nullptr) return {share(0, batch.rows * batch.cols), log_loss};
  const BatchMeasures mean = MeanOverRows(batch, [&](std::int64_t row) -> BatchMeasures {
    return {share(row * batch.cols, batch.cols), 0};
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
double LogLossOf(const MeasuredBatch<T>& batch, std::int64_t row) {
  const losses::SoftmaxCrossEntropy without_smoothing(0);
  TargetView<T> target;
  if (batch.values != nullptr) target.values = batch.values + row * batch.cols;
  if (batch.classes != nullptr) target.classes = batch.classes + row;
  T log_loss = 0;
  without_smoothing.Evaluate(batch.OutputsOf(row), target, /*scales=*/nullptr, /*rows=*/1,
                             batch.cols, &log_loss, /*gradient=*/nullptr);
  return static_cast<double>(log_loss);
}

// loss: of all rows, with label smoothing if there is any.
template <typename T>
BatchMeasures ClassesFound(const MeasuredBatch<T>& batch, bool is_smoothed, double loss) {
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
BatchMeasures MeasureAs(const LossSpec& spec, const MeasuredBatch<T>& batch, double loss) {
  switch (GetLossInfo(spec).targets) {
    case TargetKind::kReal:
      return MeanErrors(batch, SumOfErrors<T>);
    case TargetKind::kCount:
      return MeanErrors(batch, SumOfRateErrors<T>);
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
    const MeasuredBatch<T> batch{
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
