// The cross-entropy of the softmax of the outputs: they are logits. Over D outputs, with
//
//   s_j = e^(w_j - m) / S      m = max w      S = Σ e^(w_j - m)
//
// and the targets t_j = (1 - ε) y_j + ε / D smoothed by ε = label_smoothing (Szegedy et al. 2016,
// arXiv:1512.00567), y being a row of probabilities or a class's indicator, the loss of one row is
//
//   -Σ t_j log s_j = log S Σ t_j - Σ t_j (w_j - m)
//
// and, by the joint derivative of the two functions, its gradient s_j Σ t - t_j. In the targets'
// terms the outputs are s.

#ifndef CORE_LOSSES_SOFTMAX_CROSS_ENTROPY_H_
#define CORE_LOSSES_SOFTMAX_CROSS_ENTROPY_H_

#include <cstdint>

#include "core/losses/loss.h"

namespace descent::losses {

class SoftmaxCrossEntropy final : public Loss {
 public:
  // Requires 0 <= label_smoothing < 1.
  explicit SoftmaxCrossEntropy(double label_smoothing) : label_smoothing_(label_smoothing) {}

  void Evaluate(const float* predictions, TargetView<float> targets, const float* scales,
                std::int64_t rows, std::int64_t outputs, float* losses,
                float* gradient) const override;
  void Evaluate(const double* predictions, TargetView<double> targets, const double* scales,
                std::int64_t rows, std::int64_t outputs, double* losses,
                double* gradient) const override;
  void ToTargetTerms(float* values, std::int64_t rows, std::int64_t outputs) const override;
  void ToTargetTerms(double* values, std::int64_t rows, std::int64_t outputs) const override;
  bool AcceptsClassIndices() const override { return true; }
  absl::Status ValidateTargets(const Targets& targets, std::int64_t outputs) const override;

 private:
  double label_smoothing_;
};

}  // namespace descent::losses

#endif  // CORE_LOSSES_SOFTMAX_CROSS_ENTROPY_H_
