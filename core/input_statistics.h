// Running statistics of the rows that a network was trained on, by which it normalises its inputs:
// x̂ = (x − mean) / √(variance + ε), feature by feature, in double.
//
// Batches are merged one after the other, each with its own mean and sum of squares. Source: Chan,
// Golub & LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample
// variances". With a half-life h a row counts 2^(−n/h) when n rows have followed it, within a batch
// too, so that it does not matter how rows were cut into batches.

#ifndef CORE_INPUT_STATISTICS_H_
#define CORE_INPUT_STATISTICS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/buffer.h"
#include "core/spec.h"
#include "core/thread_pool.h"

namespace descent {

class InputStatistics {
 public:
  // Of no rows: mean 0, variance 1.
  explicit InputStatistics(std::int64_t features);
  // As values() gave them. Requires a size of 2 + 2 n.
  explicit InputStatistics(std::vector<double> values);

  std::int64_t features() const { return static_cast<std::int64_t>(values_.size() / 2) - 1; }
  // Rows merged, and the sum of what each counts.
  std::int64_t rows() const { return static_cast<std::int64_t>(values_[0]); }
  double weight() const { return values_[1]; }
  double Mean(std::int64_t feature) const { return mean()[static_cast<std::size_t>(feature)]; }
  // Biased: over weight(), not weight() − 1.
  double Variance(std::int64_t feature) const;
  bool IsFinite() const;

  // Everything there is to it: rows, weight, the means, the sums of squared deviations.
  absl::Span<const double> values() const { return values_; }

  // Merges rows [n, features], every one finite; unless the statistics are frozen.
  void Merge(const InputNormalizationSpec& spec, const Matrix& inputs);

  // normalized: [n, features], resized; scales: 1 / √(variance + ε), [1, features], resized. `pool`
  // may be null.
  void Normalize(const InputNormalizationSpec& spec, const Matrix& inputs, ThreadPool* pool,
                 Matrix* normalized, Matrix* scales) const;

 private:
  absl::Span<const double> mean() const {
    return absl::MakeConstSpan(values_).subspan(2, (values_.size() - 2) / 2);
  }
  absl::Span<const double> squares() const {
    return absl::MakeConstSpan(values_).subspan(values_.size() / 2 + 1);
  }

  std::vector<double> values_;
};

}  // namespace descent

#endif  // CORE_INPUT_STATISTICS_H_
