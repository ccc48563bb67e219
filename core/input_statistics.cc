#include "core/input_statistics.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "core/check.h"
#include "core/kernels/portable_math.h"
#include "core/kernels/row_ranges.h"

namespace descent {
namespace {

// What each of `rows` rows counts when the last of them is the latest, and how often it counts.
struct RowWeights {
  RowWeights(double half_life_rows, std::int64_t rows)
      : each(static_cast<std::size_t>(rows), 1), total(static_cast<double>(rows)) {
    if (half_life_rows == 0) return;
    const double decay = portable::Exp(-std::numbers::ln2 / half_life_rows);
    before = portable::Power(decay, rows);
    total = 0;
    double weight = 1;
    for (std::size_t i = each.size(); i > 0; --i) {
      each[i - 1] = weight;
      total += weight;
      weight *= decay;
    }
  }

  std::vector<double> each;
  double total;
  double before = 1;  // the factor on what all rows before count
};

// The batch's own means and sums of squared deviations. Deviations from the first row are summed,
// not values, so that a feature that does not change has a variance of exactly 0.
template <typename T>
void Summarize(const T* x, std::int64_t features, const RowWeights& weights, double* mean,
               double* squares) {
  const std::size_t rows = weights.each.size();
  std::fill_n(mean, features, 0.0);
  std::fill_n(squares, features, 0.0);
  for (std::size_t i = 1; i < rows; ++i) {
    const T* const row = x + static_cast<std::int64_t>(i) * features;
    const double weight = weights.each[i];
    for (std::int64_t j = 0; j < features; ++j) {
      mean[j] += weight * (static_cast<double>(row[j]) - static_cast<double>(x[j]));
    }
  }
  for (std::int64_t j = 0; j < features; ++j) {
    mean[j] = static_cast<double>(x[j]) + mean[j] / weights.total;
  }
  for (std::size_t i = 0; i < rows; ++i) {
    const T* const row = x + static_cast<std::int64_t>(i) * features;
    const double weight = weights.each[i];
    for (std::int64_t j = 0; j < features; ++j) {
      const double deviation = static_cast<double>(row[j]) - mean[j];
      squares[j] += weight * deviation * deviation;
    }
  }
}

}  // namespace

InputStatistics::InputStatistics(std::int64_t features)
    : values_(2 + 2 * static_cast<std::size_t>(features)) {}

InputStatistics::InputStatistics(std::vector<double> values) : values_(std::move(values)) {
  DESCENT_CHECK(values_.size() >= 2 && values_.size() % 2 == 0);
}

double InputStatistics::Variance(std::int64_t feature) const {
  return weight() > 0 ? squares()[static_cast<std::size_t>(feature)] / weight() : 1;
}

bool InputStatistics::IsFinite() const {
  return std::ranges::all_of(values_, [](double value) { return std::isfinite(value); });
}

void InputStatistics::Merge(const InputNormalizationSpec& spec, const Matrix& inputs) {
  DESCENT_CHECK(inputs.cols() == features());
  if (inputs.rows() == 0) return;
  if (spec.freeze_after_rows > 0 && rows() >= spec.freeze_after_rows) return;
  const auto n = static_cast<std::size_t>(features());
  const RowWeights weights(spec.half_life_rows, inputs.rows());
  std::vector<double> batch(2 * n);
  double* const batch_mean = batch.data();
  double* const batch_squares = batch.data() + n;
  WithElementType(inputs.type(), [&](auto zero) {
    Summarize(inputs.data<decltype(zero)>(), features(), weights, batch_mean, batch_squares);
  });

  const double before = weight() * weights.before;
  const double total = before + weights.total;
  double* const mean = values_.data() + 2;
  double* const squares = mean + n;
  for (std::size_t j = 0; j < n; ++j) {
    const double shift = batch_mean[j] - mean[j];
    // The first rows are taken as they are: 0 + (m − 0) 1 is m, but the sum of squares has no
    // part of a mean of nothing.
    mean[j] += shift * (weights.total / total);
    squares[j] = squares[j] * weights.before + batch_squares[j] +
                 shift * shift * (before * (weights.total / total));
  }
  values_[0] += static_cast<double>(inputs.rows());
  values_[1] = total;
}

void InputStatistics::Normalize(const InputNormalizationSpec& spec, const Matrix& inputs,
                                ThreadPool* pool, Matrix* normalized, Matrix* scales) const {
  const std::int64_t width = features();
  DESCENT_CHECK(inputs.cols() == width);
  normalized->Resize(inputs.type(), inputs.rows(), width);
  scales->Resize(inputs.type(), 1, width);
  std::vector<double> exact(static_cast<std::size_t>(width));
  for (std::int64_t j = 0; j < width; ++j) {
    const double scale = 1 / std::sqrt(Variance(j) + spec.epsilon);
    exact[static_cast<std::size_t>(j)] = scale;
    scales->Set(0, j, scale);
  }
  const double* const mean_of = mean().data();
  const double* const scale_of = exact.data();
  WithElementType(inputs.type(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = inputs.data<T>();
    T* const to = normalized->data<T>();
    kernels::ForEachRowBlock(inputs.rows(), width, pool, [&](std::int64_t row, std::int64_t count) {
      for (std::int64_t i = row; i < row + count; ++i) {
        for (std::int64_t j = 0; j < width; ++j) {
          const double deviation = static_cast<double>(from[i * width + j]) - mean_of[j];
          to[i * width + j] = static_cast<T>(deviation * scale_of[j]);
        }
      }
    });
  });
}

}  // namespace descent
