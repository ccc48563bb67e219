#include "core/optimizers/adam.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>

#include "core/optimizers/bias_correction.h"
#include "core/optimizers/hyperparameters.h"
#include "core/optimizers/packet_optimizer.h"
#include "core/status_macros.h"

namespace descent::optimizers {
namespace {

class Adam final : public PacketOptimizer<Adam> {
 public:
  Adam(const AdamOptions& options, WeightDecay decay)
      : options_(options),
        decay_(decay),
        mean_correction_(options.beta1),
        square_correction_(options.beta2) {}

  std::span<const std::string_view> slot_names() const override {
    static constexpr std::array<std::string_view, 3> kNames = {"exp_avg", "exp_avg_sq",
                                                               "max_exp_avg_sq"};
    return std::span(kNames).first(options_.amsgrad ? 3 : 2);
  }

  template <typename T>
  Magnitudes UpdateAs(const StepContext& step, std::span<const double> /*scalars*/,
                      const UpdateRange<T>& range) const {
    return options_.amsgrad ? UpdateElements<3>(step, range, Rule<T>(*this, step, range))
                            : UpdateElements<2>(step, range, Rule<T>(*this, step, range));
  }

  // |g| <= G + wd P. m is a mean of numbers up to S and |g|, v of numbers up to S and g², and so
  // is u; the denominator is at least epsilon, and its root at most sqrt(v / (1 - β2)); the rate is
  // at most lr / (1 - β1). Decoupled decay multiplies p by at most 1 + lr wd.
  bool StaysFinite(const UpdateBounds& bounds) const override {
    const double wd = options_.weight_decay;
    const bool decoupled = decay_ == WeightDecay::kDecoupled;
    const double g = bounds.gradient + (decoupled ? 0 : wd * bounds.parameters);
    const double m = std::max(bounds.slots, g);
    const double v = std::max(bounds.slots, g * g);
    const double quotient = m / options_.epsilon;
    const double rate = bounds.learning_rate / (1 - options_.beta1);
    const double shrinkage = 1 + (decoupled ? bounds.learning_rate * wd : 0);
    return AreFinite({rate, quotient, v / (1 - options_.beta2), shrinkage,
                      shrinkage * bounds.parameters + rate * quotient});
  }

 private:
  template <typename T>
  struct Rule {
    using P = Packet<T>;

    Rule(const Adam& adam, const StepContext& step, const UpdateRange<T>& range)
        : beta1(adam.options_.beta1),
          beta2(adam.options_.beta2),
          one_minus_beta1(1 - adam.options_.beta1),
          one_minus_beta2(1 - adam.options_.beta2),
          epsilon(adam.options_.epsilon) {
      rate = step.learning_rate / adam.mean_correction_.At(step.t);
      root_factor = 1 / std::sqrt(adam.square_correction_.At(step.t));
      const double decay = DecayOf(adam.options_.weight_decay, range);
      const bool decoupled = adam.decay_ == WeightDecay::kDecoupled;
      gradient_decay = decoupled ? 0 : decay;
      shrinkage = decoupled ? 1 - step.learning_rate * decay : 1;
    }

    template <std::size_t kSlots>
    P operator()(P p, P g, std::array<P, kSlots>& slots) const {
      g = MulAdd(gradient_decay, p, g);
      P& m = slots[0];
      P& v = slots[1];
      m = MulAdd(one_minus_beta1, g, beta1 * m);
      v = MulAdd(one_minus_beta2 * g, g, beta2 * v);
      P square = v;
      if constexpr (kSlots == 3) square = slots[2] = Max(v, slots[2]);
      const P denominator = MulAdd(Sqrt(square), root_factor, epsilon);
      return MulAdd(-rate, m / denominator, shrinkage * p);
    }

    P beta1, beta2, one_minus_beta1, one_minus_beta2, epsilon;
    P rate, root_factor, gradient_decay, shrinkage;
  };

  AdamOptions options_;
  WeightDecay decay_;
  BiasCorrection mean_correction_;
  BiasCorrection square_correction_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdamWithDecay(const AdamOptions& options,
                                                             WeightDecay decay) {
  RETURN_IF_ERROR(CheckDecayRate("beta1", options.beta1));
  RETURN_IF_ERROR(CheckDecayRate("beta2", options.beta2));
  RETURN_IF_ERROR(CheckEpsilon("epsilon", options.epsilon));
  RETURN_IF_ERROR(CheckNonNegative("weight_decay", options.weight_decay));
  return std::make_unique<Adam>(options, decay);
}

absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdam(const AdamOptions& options) {
  return MakeAdamWithDecay(options, WeightDecay::kGradient);
}

}  // namespace descent::optimizers
