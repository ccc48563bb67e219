#include "core/two_class_metrics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace descent {

void TwoClassMetrics::Add(double score, bool predicted_class_1, bool is_class_1, double weight) {
  if (weight == 0) return;
  (is_class_1 ? positives_ : negatives_) += weight;
  if (predicted_class_1) (is_class_1 ? true_positives_ : false_positives_) += weight;
  has_nan_ = has_nan_ || std::isnan(score);
  rows_.push_back({score, is_class_1 ? weight : -weight});
}

void TwoClassMetrics::Finish(std::map<std::string, double>* metrics) {
  const auto ratio = [](double part, double whole) { return whole > 0 ? part / whole : 0; };
  (*metrics)["precision"] = ratio(true_positives_, true_positives_ + false_positives_);
  (*metrics)["recall"] = ratio(true_positives_, positives_);
  // 2 / (1 / precision + 1 / recall), in counts.
  (*metrics)["f1"] = ratio(2 * true_positives_, positives_ + true_positives_ + false_positives_);
  if (positives_ > 0 && negatives_ > 0) (*metrics)["roc_auc"] = RocAuc();
}

double TwoClassMetrics::RocAuc() {
  if (has_nan_) return std::numeric_limits<double>::quiet_NaN();
  std::sort(rows_.begin(), rows_.end(),
            [](const Row& a, const Row& b) { return a.score < b.score; });
  // Each row of class 1 wins against the rows of class 0 below it, and half against its equals.
  double wins = 0;
  double negatives_below = 0;
  for (std::size_t i = 0; i < rows_.size();) {
    double equal_positives = 0;
    double equal_negatives = 0;
    const double score = rows_[i].score;
    for (; i < rows_.size() && rows_[i].score == score; ++i) {
      const double weight = rows_[i].signed_weight;
      (weight > 0 ? equal_positives : equal_negatives) += std::abs(weight);
    }
    wins += equal_positives * (negatives_below + equal_negatives / 2);
    negatives_below += equal_negatives;
  }
  return wins / positives_ / negatives_;
}

}  // namespace descent
