#include "core/losses/softmax_cross_entropy.h"

#include <variant>

#include "core/kernels/lane_sums.h"
#include "core/kernels/packet.h"
#include "core/kernels/vector_math.h"
#include "core/losses/target_checks.h"

namespace descent::losses {
namespace {

using kernels::ForEachPacket;
using kernels::LaneSums;
using kernels::Packet;

// The largest of n >= 1 values; any number when one is NaN.
template <typename T>
[[gnu::flatten]] T LargestOf(const T* values, std::int64_t n) {
  Packet<T> largest = values[0];
  ForEachPacket<T>(
      n, [&](auto slice) __attribute__((always_inline)) {
        largest = Max(largest, slice.Filled(slice.Load(values), values[0]));
      });
  return Largest(largest);
}

// What one row's loss is made of.
template <typename T>
struct RowSums {
  T exponentials;  // S
  T targets;       // Σ t
  T product;       // Σ t (w - m)
};

// Writes e^(w - m) to `exponentials` unless that is null; it may be `w`. target(slice) gives t.
template <typename T, typename Target>
[[gnu::always_inline]] inline RowSums<T> SumRow(const T* w, T largest, std::int64_t n,
                                                const Target& target, T* exponentials) {
  LaneSums<T> s;
  LaneSums<T> t_sum;
  LaneSums<T> product;
  ForEachPacket<T>(
      n, [&](auto slice) __attribute__((always_inline)) {
        const Packet<T> shifted = slice.Load(w) - largest;
        const Packet<T> e = kernels::Exp(shifted);
        const Packet<T> t = slice.Filled(target(slice), 0);
        s.Add(slice, e);
        t_sum.Add(slice, t);
        product.AddProduct(slice, t, shifted);
        if (exponentials != nullptr) slice.Store(e, exponentials);
      });
  return {s.Total(), t_sum.Total(), product.Total()};
}

template <typename T>
T LogOf(T x) {
  return kernels::Log(Packet<T>(x)).First();
}

// Targets that are a row of probabilities y. gradient may be null, and may be w.
template <typename T>
[[gnu::flatten]] T EvaluateRow(const T* w, const T* y, T smoothing, T scale, std::int64_t n,
                               T* gradient) {
  const T floor = smoothing / static_cast<T>(n);
  const auto target = [&](auto slice) __attribute__((always_inline)) {
    return MulAdd(slice.Load(y), 1 - smoothing, floor);
  };
  const RowSums<T> sums = SumRow(w, LargestOf(w, n), n, target, gradient);
  if (gradient != nullptr) {
    const Packet<T> factor = sums.targets / sums.exponentials;
    ForEachPacket<T>(
        n, [&](auto slice) __attribute__((always_inline)) {
          slice.Store(scale * MulAdd(slice.Load(gradient), factor, -target(slice)), gradient);
        });
  }
  return LogOf(sums.exponentials) * sums.targets - sums.product;
}

// Targets that are one class.
template <typename T>
[[gnu::flatten]] T EvaluateRow(const T* w, std::int32_t target_class, T smoothing, T scale,
                               std::int64_t n, T* gradient) {
  const T largest = LargestOf(w, n);
  const T floor = smoothing / static_cast<T>(n);
  const T target_shifted = w[target_class] - largest;
  const auto target = [&](auto) __attribute__((always_inline)) { return Packet<T>(floor); };
  const RowSums<T> sums = SumRow(w, largest, n, target, gradient);
  if (gradient != nullptr) {
    const Packet<T> factor = T(1) / sums.exponentials;
    ForEachPacket<T>(
        n, [&](auto slice) __attribute__((always_inline)) {
          slice.Store(scale * MulAdd(slice.Load(gradient), factor, -floor), gradient);
        });
    gradient[target_class] -= scale * (1 - smoothing);
  }
  return LogOf(sums.exponentials) - (1 - smoothing) * target_shifted - sums.product;
}

template <typename T>
void EvaluateAs(T smoothing, const T* predictions, TargetView<T> targets, const T* scales,
                std::int64_t rows, std::int64_t outputs, T* losses, T* gradient) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t begin = row * outputs;
    const T scale = gradient != nullptr ? scales[row] : T(0);
    T* const row_gradient = gradient != nullptr ? gradient + begin : nullptr;
    losses[row] = targets.classes != nullptr
                      ? EvaluateRow(predictions + begin, targets.classes[row], smoothing, scale,
                                    outputs, row_gradient)
                      : EvaluateRow(predictions + begin, targets.values + begin, smoothing, scale,
                                    outputs, row_gradient);
  }
}

template <typename T>
[[gnu::flatten]] void SoftmaxRow(T* values, std::int64_t n) {
  const T largest = LargestOf(values, n);
  LaneSums<T> sum;
  ForEachPacket<T>(
      n, [&](auto slice) __attribute__((always_inline)) {
        const Packet<T> e = kernels::Exp(slice.Load(values) - largest);
        sum.Add(slice, e);
        slice.Store(e, values);
      });
  const Packet<T> total = sum.Total();
  ForEachPacket<T>(
      n, [&](auto slice)
             __attribute__((always_inline)) { slice.Store(slice.Load(values) / total, values); });
}

}  // namespace

void SoftmaxCrossEntropy::Evaluate(const float* predictions, TargetView<float> targets,
                                   const float* scales, std::int64_t rows, std::int64_t outputs,
                                   float* losses, float* gradient) const {
  EvaluateAs(static_cast<float>(label_smoothing_), predictions, targets, scales, rows, outputs,
             losses, gradient);
}

void SoftmaxCrossEntropy::Evaluate(const double* predictions, TargetView<double> targets,
                                   const double* scales, std::int64_t rows, std::int64_t outputs,
                                   double* losses, double* gradient) const {
  EvaluateAs(label_smoothing_, predictions, targets, scales, rows, outputs, losses, gradient);
}

void SoftmaxCrossEntropy::ToTargetTerms(float* values, std::int64_t rows,
                                        std::int64_t outputs) const {
  for (std::int64_t row = 0; row < rows; ++row) SoftmaxRow(values + row * outputs, outputs);
}

void SoftmaxCrossEntropy::ToTargetTerms(double* values, std::int64_t rows,
                                        std::int64_t outputs) const {
  for (std::int64_t row = 0; row < rows; ++row) SoftmaxRow(values + row * outputs, outputs);
}

absl::Status SoftmaxCrossEntropy::ValidateTargets(const Targets& targets,
                                                  std::int64_t outputs) const {
  if (const auto* classes = std::get_if<ClassIndices>(&targets)) {
    return CheckClasses(*classes, outputs);
  }
  return CheckDistributions(std::get<Matrix>(targets));
}

}  // namespace descent::losses
