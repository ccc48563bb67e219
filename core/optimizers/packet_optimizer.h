// The one loop over flat ranges that every optimizer's rule runs in, and the adapter of rules to
// the Optimizer interface. Internal to the core.

#ifndef CORE_OPTIMIZERS_PACKET_OPTIMIZER_H_
#define CORE_OPTIMIZERS_PACKET_OPTIMIZER_H_

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <span>

#include "core/kernels/packet.h"
#include "core/optimizers/optimizer.h"

namespace descent::optimizers {

using kernels::Packet;

// Whether numbers of these sizes are finite in float32, with ten times room for rounding. Proofs
// that an update stays finite (Optimizer::StaysFinite) bound all that it computes on the way, in
// exact arithmetic.
inline bool AreFinite(std::initializer_list<double> bounds) {
  constexpr double kLargest = std::numeric_limits<float>::max() / 10;
  return std::ranges::all_of(bounds, [](double bound) { return bound < kLargest; });
}

// The largest absolute value of the packets it was shown; NaN if one was not finite.
template <typename T>
class Peak {
 public:
  [[gnu::always_inline]] void Add(Packet<T> values) {
    largest_ = Max(largest_, Abs(values));
    // Zero, but NaN for ever once a value was NaN or infinite, which the maximum may forget.
    poison_ = MulAdd(values, 0, poison_);
  }
  double Value() const {
    if (Sum(poison_) != 0) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(Largest(largest_));
  }

 private:
  Packet<T> largest_ = 0;
  Packet<T> poison_ = 0;
};

// One update of a range. rule(p, g, slots) returns an element's new parameter and updates its
// slots; it sees the gradient scaled and clamped. One pass over memory. Rules must keep an element
// at zero whose parameter, gradient and slots are zero: such elements fill the gaps between
// tensors.
template <int kSlots, typename T, typename Rule>
[[gnu::flatten]] Magnitudes UpdateElements(const StepContext& step, const UpdateRange<T>& range,
                                           const Rule& rule) {
  const Packet<T> scale = step.gradient_scale;
  const Packet<T> limit =
      step.clip_value > 0 ? step.clip_value : std::numeric_limits<double>::infinity();
  std::array<T*, kSlots> arrays;
  for (int i = 0; i < kSlots; ++i) arrays[i] = range.slots[i];
  Peak<T> parameters;
  Peak<T> states;
  kernels::ForEachPacket<T>(
      range.n, [&](auto slice) __attribute__((always_inline)) {
        const Packet<T> g = kernels::Clamp(scale * slice.Load(range.gradient), -limit, limit);
        std::array<Packet<T>, kSlots> slots;
        for (int i = 0; i < kSlots; ++i) slots[i] = slice.Load(arrays[i]);
        const Packet<T> p = rule(slice.Load(range.parameters), g, slots);
        slice.Store(p, range.new_parameters);
        parameters.Add(slice.Filled(p, 0));
        for (int i = 0; i < kSlots; ++i) {
          slice.Store(slots[i], arrays[i]);
          states.Add(slice.Filled(slots[i], 0));
        }
      });
  return {.parameters = parameters.Value(), .slots = states.Value()};
}

// Implements Update by
//
//   template <typename T> Magnitudes UpdateAs(const StepContext&, std::span<const double> scalars,
//                                             const UpdateRange<T>&) const
template <typename Derived>
class PacketOptimizer : public Optimizer {
 public:
  Magnitudes Update(const StepContext& step, std::span<const double> scalars,
                    const UpdateRange<float>& range) const final {
    return static_cast<const Derived&>(*this).UpdateAs(step, scalars, range);
  }
  Magnitudes Update(const StepContext& step, std::span<const double> scalars,
                    const UpdateRange<double>& range) const final {
    return static_cast<const Derived&>(*this).UpdateAs(step, scalars, range);
  }

 protected:
  // A weight decay as it applies to the range.
  template <typename T>
  static double DecayOf(double weight_decay, const UpdateRange<T>& range) {
    return range.decay_weights ? weight_decay : 0;
  }
};

}  // namespace descent::optimizers

#endif  // CORE_OPTIMIZERS_PACKET_OPTIMIZER_H_
