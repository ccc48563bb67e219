// The contract of an optimizer: one loop over flat ranges that reads the old parameters and the
// gradient and writes the new parameters elsewhere.

#ifndef CORE_OPTIMIZERS_OPTIMIZER_H_
#define CORE_OPTIMIZERS_OPTIMIZER_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace descent {

// What is the same for every element of one update.
struct StepContext {
  std::int64_t t = 1;         // this update's number, counted from 1
  double learning_rate = 0;   // after the schedule
  double gradient_scale = 1;  // g = clamp(gradient_scale * gradient, ±clip_value)
  double clip_value = 0;      // 0: no clamp
};

// A range of elements of one update. Arrays of n elements; `slots` has slot_names().size() arrays,
// read and overwritten. new_parameters must not overlap the others, but may equal `parameters` or
// `gradient`.
template <typename T>
struct UpdateRange {
  const T* parameters = nullptr;
  const T* gradient = nullptr;
  T* new_parameters = nullptr;
  T* const* slots = nullptr;
  std::int64_t n = 0;
  bool decay_weights = true;  // false: this range is exempt from weight decay
};

// The largest absolute values that an update wrote; NaN or infinity when one was not finite.
struct Magnitudes {
  double parameters = 0;
  double slots = 0;
};

// Bounds on what an update is about to read.
struct UpdateBounds {
  double parameters = 0;  // largest |p|
  double slots = 0;       // largest |slot|
  double gradient = 0;    // largest |g|
  double learning_rate = 0;
};

// The algorithm with its hyperparameters: immutable and thread-safe. Its state (slots, scalars) is
// the trainer's, which stores it. An element's result depends on that element alone, bit for bit.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // Names of the per-parameter state, e.g. {"m", "v"}: PyTorch's where it has one.
  virtual std::span<const std::string_view> slot_names() const = 0;
  // The value that every element of slot `i` begins with.
  virtual double InitialSlotValue(int slot) const;

  // Names of the state that is one number for all parameters (NADAM's product of momenta).
  virtual std::span<const std::string_view> scalar_names() const;
  virtual double InitialScalarValue(int scalar) const;
  // Moves the scalars on by one update; called once before the update's first range.
  virtual void AdvanceScalars(const StepContext& step, std::span<double> scalars) const;

  // Updates one range. `scalars` are already advanced. Ranges of one update may run in any order
  // and at once.
  virtual Magnitudes Update(const StepContext& step, std::span<const double> scalars,
                            const UpdateRange<float>& range) const = 0;
  virtual Magnitudes Update(const StepContext& step, std::span<const double> scalars,
                            const UpdateRange<double>& range) const = 0;

  // Whether an update within `bounds` provably writes finite numbers only, in float32; when it is
  // false the trainer keeps a copy of the slots to go back to. False is always right.
  virtual bool StaysFinite(const UpdateBounds& bounds) const;
};

}  // namespace descent

#endif  // CORE_OPTIMIZERS_OPTIMIZER_H_
