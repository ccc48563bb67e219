// Loss and metrics of a network over labelled rows that come in batches.
//
// With weights v_i (1 if none are given), V = Σ v_i, D outputs, and p the outputs in the targets'
// terms:
//
//   regression        rmse      sqrt(Σ_i v_i Σ_d (p - y)² / (D V))
//   (real targets     mae       Σ_i v_i Σ_d |p - y| / (D V)
//   and counts)       r2        the mean over d of 1 - Σ_i v_i (p - y)² / Σ_i v_i (y - ȳ_d)²; where
//   an
//                               output's targets are all equal, 1 if they are met and 0 otherwise
//   classes           accuracy  share of rows whose largest output is the target's (largest) class
//   (softmax)         log_loss  -Σ_i v_i Σ_d y log p / V, without label smoothing
//   probabilities     accuracy  share of targets with (p >= 1/2) = (y >= 1/2), over all outputs
//   (sigmoid)         log_loss  -Σ_i v_i Σ_d (y log p + (1 - y) log(1 - p)) / (D V)
//   two classes       precision, recall and f1 of class 1, 0 where nothing was predicted or is
//   true; (softmax with     roc_auc   P(a row of class 1 scores higher than one of class 0), ties
//   count 2 outputs,                  half: exact, over all rows; left out when only one class
//   occurs. sigmoid with 1)             The score is log(p / (1 - p)), which does not saturate as p
//   does.
//
// Sums are kept in double, in the order of the rows.

#ifndef CORE_METRICS_H_
#define CORE_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/buffer.h"
#include "core/network.h"

namespace descent {

struct MetricsSummary {
  std::int64_t rows = 0;
  double loss = 0;  // Σ v_i ℓ_i / Σ v_i, ℓ the network's loss
  std::map<std::string, double> metrics;
};

// Not thread-safe.
class MetricsAccumulator {
 public:
  explicit MetricsAccumulator(std::shared_ptr<const Network> network);
  ~MetricsAccumulator();

  // outputs: w of the batch's rows, [rows, outputs], as Network::Forward leaves it. Targets and
  // weights must be valid for the network.
  // Gives back the loss of each row, [rows, 1], until the next Add.
  const Matrix& Add(const Matrix& outputs, const Targets& targets, const Matrix& weights);

  std::int64_t rows() const { return rows_; }

  // Most bytes that are held behind so many rows, of which no batch had more than `batch_rows`.
  std::size_t BytesFor(std::int64_t rows, std::int64_t batch_rows) const;

  // Called once, last; requires rows() > 0.
  MetricsSummary Finish();

  // The metrics of one kind of targets.
  class Kind;

 private:
  const std::shared_ptr<const Network> network_;
  const std::unique_ptr<Kind> kind_;
  std::int64_t rows_ = 0;
  double weight_sum_ = 0;
  double loss_sum_ = 0;
  Matrix row_losses_;
};

}  // namespace descent

#endif  // CORE_METRICS_H_
