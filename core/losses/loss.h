// The contract of a loss L(w, y) of network outputs w and targets y.

#ifndef CORE_LOSSES_LOSS_H_
#define CORE_LOSSES_LOSS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "core/batch.h"

namespace descent {

// Targets as the losses read them: exactly one of the two is set. Classes lie in [0, outputs) or,
// for a single output of BINARY_CROSS_ENTROPY, are 0 or 1.
template <typename T>
struct TargetView {
  const T* values = nullptr;              // [rows, outputs]
  const std::int32_t* classes = nullptr;  // [rows], each in [0, outputs)
};

// Immutable and thread-safe. A row's loss and gradient depend on that row alone, bit for bit, so
// that rows may be cut into any tiles. Nothing outside the named ranges is read or written.
class Loss {
 public:
  virtual ~Loss() = default;

  // For each row i: losses[i] = ℓ(w_i, y_i), and gradient[i, :] = scales[i] * ∂ℓ_i/∂w.
  // predictions and gradient: [rows, outputs]; losses and scales: [rows].
  // `gradient` may be null (then `scales` may be too). It may be the same array as `predictions`.
  // A NaN in gives NaN out: the trainer alone decides what that means.
  virtual void Evaluate(const float* predictions, TargetView<float> targets, const float* scales,
                        std::int64_t rows, std::int64_t outputs, float* losses,
                        float* gradient) const = 0;
  virtual void Evaluate(const double* predictions, TargetView<double> targets, const double* scales,
                        std::int64_t rows, std::int64_t outputs, double* losses,
                        double* gradient) const = 0;

  // The outputs in the targets' terms, in place: probabilities for the cross-entropies, the rate
  // for Poisson, unchanged for the others. values: [rows, outputs].
  virtual void ToTargetTerms(float* values, std::int64_t rows, std::int64_t outputs) const = 0;
  virtual void ToTargetTerms(double* values, std::int64_t rows, std::int64_t outputs) const = 0;

  // Whether targets may be class indices: for SOFTMAX_CROSS_ENTROPY, and for BINARY_CROSS_ENTROPY
  // with one output.
  virtual bool AcceptsClassIndices() const { return false; }

  // What the loss asks of finite targets of the right shape beyond that (a probability in [0, 1],
  // rows that sum to 1, counts >= 0, a class below `outputs`): kInvalidArgument naming field
  // "targets", row and column.
  virtual absl::Status ValidateTargets(const Targets& targets, std::int64_t outputs) const = 0;
};

}  // namespace descent

#endif  // CORE_LOSSES_LOSS_H_
