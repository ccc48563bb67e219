// Metrics of a decision between two classes, 0 and 1. Definitions: core/metrics.h.

#ifndef CORE_TWO_CLASS_METRICS_H_
#define CORE_TWO_CLASS_METRICS_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace descent {

// Keeps 16 bytes a row for the exact ROC curve. Not thread-safe.
class TwoClassMetrics {
 public:
  // Kept until the end.
  static constexpr std::size_t kBytesPerRow = 16;

  // score: log-odds of class 1. Rows with weight 0 count for nothing.
  void Add(double score, bool predicted_class_1, bool is_class_1, double weight);

  // Adds "precision", "recall", "f1" and, when both classes occurred, "roc_auc" (NaN if a score
  // was). Called once, last.
  void Finish(std::map<std::string, double>* metrics);

 private:
  struct Row {
    double score = 0;
    double signed_weight = 0;  // positive for class 1
  };

  double RocAuc();

  double true_positives_ = 0;
  double false_positives_ = 0;
  double positives_ = 0;
  double negatives_ = 0;
  bool has_nan_ = false;
  std::vector<Row> rows_;
};

}  // namespace descent

#endif  // CORE_TWO_CLASS_METRICS_H_
