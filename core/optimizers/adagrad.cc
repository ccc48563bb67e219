#include "core/optimizers/adagrad.h"

#include <array>
#include <span>
#include <string_view>

#include "core/optimizers/hyperparameters.h"
#include "core/optimizers/packet_optimizer.h"
#include "core/status_macros.h"

namespace descent::optimizers {
namespace {

class Adagrad final : public PacketOptimizer<Adagrad> {
 public:
  explicit Adagrad(const AdagradOptions& options) : options_(options) {}

  std::span<const std::string_view> slot_names() const override {
    static constexpr std::array<std::string_view, 1> kNames = {"sum"};
    return kNames;
  }
  double InitialSlotValue(int /*slot*/) const override {
    return options_.initial_accumulator_value;
  }

  template <typename T>
  Magnitudes UpdateAs(const StepContext& step, std::span<const double> /*scalars*/,
                      const UpdateRange<T>& range) const {
    using P = Packet<T>;
    const P decay = DecayOf(options_.weight_decay, range);
    const P rate = step.learning_rate / (1 + static_cast<double>(step.t - 1) * options_.lr_decay);
    const P epsilon = options_.epsilon;
    return UpdateElements<1>(step, range, [&](P p, P g, auto& slots) {
      g = MulAdd(decay, p, g);
      slots[0] = MulAdd(g, g, slots[0]);
      return MulAdd(-rate, g / (Sqrt(slots[0]) + epsilon), p);
    });
  }

  // |g| <= G + wd P, the sum grows by at most g², the denominator is at least epsilon.
  bool StaysFinite(const UpdateBounds& bounds) const override {
    const double g = bounds.gradient + options_.weight_decay * bounds.parameters;
    const double quotient = g / options_.epsilon;
    const double rate = bounds.learning_rate;
    return AreFinite({rate, bounds.slots + g * g, quotient, bounds.parameters + rate * quotient});
  }

 private:
  AdagradOptions options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdagrad(const AdagradOptions& options) {
  RETURN_IF_ERROR(CheckEpsilon("epsilon", options.epsilon));
  RETURN_IF_ERROR(CheckNonNegative("initial_accumulator_value", options.initial_accumulator_value));
  RETURN_IF_ERROR(CheckNonNegative("lr_decay", options.lr_decay));
  RETURN_IF_ERROR(CheckNonNegative("weight_decay", options.weight_decay));
  return std::make_unique<Adagrad>(options);
}

}  // namespace descent::optimizers
