// Adapts a function of one prediction and one target to the Loss interface: losses that are a sum
// or a mean over a row's outputs. Internal to the core.

#ifndef CORE_LOSSES_ELEMENT_LOSS_H_
#define CORE_LOSSES_ELEMENT_LOSS_H_

#include <cstdint>

#include "core/check.h"
#include "core/kernels/lane_sums.h"
#include "core/kernels/packet.h"
#include "core/losses/loss.h"
#include "core/losses/target_checks.h"

namespace descent::losses {

using kernels::Packet;

// The loss of one output and its derivative with respect to the prediction.
template <typename T>
struct LossTerm {
  Packet<T> value;
  Packet<T> derivative;
};

enum class Reduction { kSum, kMean };

// A Function has, for packets of both element types,
//
//   static constexpr Reduction kReduction       over a row's outputs
//   static constexpr TargetRange kTargets       what targets may be
//   LossTerm<T> operator()(Packet<T> w, Packet<T> y) const
//   Packet<T> ToTargetTerms(Packet<T> w) const  only if that is not w itself
//
// With targets in [0, 1], a single output also takes class indices 0 and 1.
template <typename Function>
class ElementLoss final : public Loss {
 public:
  explicit ElementLoss(Function function) : function_(function) {}

  void Evaluate(const float* predictions, TargetView<float> targets, const float* scales,
                std::int64_t rows, std::int64_t outputs, float* losses,
                float* gradient) const override {
    EvaluateAs(predictions, targets, scales, rows, outputs, losses, gradient);
  }
  void Evaluate(const double* predictions, TargetView<double> targets, const double* scales,
                std::int64_t rows, std::int64_t outputs, double* losses,
                double* gradient) const override {
    EvaluateAs(predictions, targets, scales, rows, outputs, losses, gradient);
  }

  void ToTargetTerms(float* values, std::int64_t rows, std::int64_t outputs) const override {
    ToTargetTermsAs(values, rows * outputs);
  }
  void ToTargetTerms(double* values, std::int64_t rows, std::int64_t outputs) const override {
    ToTargetTermsAs(values, rows * outputs);
  }

  bool AcceptsClassIndices() const override { return kBinary; }

  absl::Status ValidateTargets(const Targets& targets, std::int64_t outputs) const override {
    if (const auto* classes = std::get_if<ClassIndices>(&targets)) {
      return kBinary ? CheckBinaryClasses(*classes, outputs) : RefuseClassIndices();
    }
    return CheckTargetRange(std::get<Matrix>(targets), Function::kTargets);
  }

 private:
  static constexpr bool kBinary = Function::kTargets == TargetRange::kUnitInterval;

  template <typename T>
  void EvaluateAs(const T* predictions, TargetView<T> targets, const T* scales, std::int64_t rows,
                  std::int64_t outputs, T* losses, T* gradient) const {
    if (outputs == 1) {
      EvaluateColumn(predictions, targets, scales, rows, losses, gradient);
      return;
    }
    DESCENT_CHECK(targets.values != nullptr);
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t begin = row * outputs;
      losses[row] = EvaluateRow(predictions + begin, targets.values + begin,
                                gradient != nullptr ? scales[row] : T(0), outputs,
                                gradient != nullptr ? gradient + begin : nullptr);
    }
  }

  // One output: a packet holds many rows.
  template <typename T>
  [[gnu::flatten]] void EvaluateColumn(const T* predictions, TargetView<T> targets, const T* scales,
                                       std::int64_t rows, T* losses, T* gradient) const {
    kernels::ForEachPacket<T>(
        rows, [&](auto slice) __attribute__((always_inline)) {
          const Packet<T> y = targets.values != nullptr ? slice.Load(targets.values)
                                                        : Classes<T>(targets.classes, slice);
          const LossTerm<T> term = function_(slice.Load(predictions), y);
          slice.Store(term.value, losses);
          if (gradient != nullptr) slice.Store(slice.Load(scales) * term.derivative, gradient);
        });
  }

  template <typename T>
  [[gnu::flatten]] T EvaluateRow(const T* predictions, const T* targets, T scale,
                                 std::int64_t outputs, T* gradient) const {
    const T count = static_cast<T>(outputs);
    const Packet<T> factor = kMean ? scale / count : scale;
    kernels::LaneSums<T> sum;
    kernels::ForEachPacket<T>(
        outputs, [&](auto slice) __attribute__((always_inline)) {
          const LossTerm<T> term = function_(slice.Load(predictions), slice.Load(targets));
          sum.Add(slice, term.value);
          if (gradient != nullptr) slice.Store(factor * term.derivative, gradient);
        });
    return kMean ? sum.Total() / count : sum.Total();
  }

  template <typename T, typename Slice>
  static Packet<T> Classes(const std::int32_t* classes, Slice slice) {
    T lanes[Packet<T>::kLanes] = {};
    for (int i = 0; i < slice.size(); ++i) lanes[i] = static_cast<T>(classes[slice.begin() + i]);
    return Packet<T>::Load(lanes);
  }

  template <typename T>
  [[gnu::flatten]] void ToTargetTermsAs([[maybe_unused]] T* values,
                                        [[maybe_unused]] std::int64_t n) const {
    if constexpr (requires(Packet<T> w) { function_.ToTargetTerms(w); }) {
      kernels::ForEachPacket<T>(
          n, [&](auto slice) __attribute__((always_inline)) {
            slice.Store(function_.ToTargetTerms(slice.Load(values)), values);
          });
    }
  }

  static constexpr bool kMean = Function::kReduction == Reduction::kMean;

  Function function_;
};

}  // namespace descent::losses

#endif  // CORE_LOSSES_ELEMENT_LOSS_H_
