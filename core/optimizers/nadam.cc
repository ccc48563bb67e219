#include "core/optimizers/nadam.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/kernels/portable_math.h"
#include "core/optimizers/bias_correction.h"
#include "core/optimizers/hyperparameters.h"
#include "core/optimizers/packet_optimizer.h"
#include "core/status_macros.h"

namespace descent::optimizers {
namespace {

// log 0.96
constexpr double kLogDecay = -0x1.4e69ed6d80eaep-5;

class Nadam final : public PacketOptimizer<Nadam> {
 public:
  explicit Nadam(const NadamOptions& options)
      : options_(options), square_correction_(options.beta2) {}

  std::span<const std::string_view> slot_names() const override {
    static constexpr std::array<std::string_view, 2> kNames = {"exp_avg", "exp_avg_sq"};
    return kNames;
  }
  std::span<const std::string_view> scalar_names() const override {
    static constexpr std::array<std::string_view, 1> kNames = {"mu_product"};
    return kNames;
  }
  double InitialScalarValue(int /*scalar*/) const override { return 1; }
  void AdvanceScalars(const StepContext& step, std::span<double> scalars) const override {
    scalars[0] *= Momentum(step.t);
  }

  template <typename T>
  Magnitudes UpdateAs(const StepContext& step, std::span<const double> scalars,
                      const UpdateRange<T>& range) const {
    using P = Packet<T>;
    const double next = Momentum(step.t + 1);
    const P gradient_rate = step.learning_rate * (1 - Momentum(step.t)) / (1 - scalars[0]);
    const P mean_rate = step.learning_rate * next / (1 - scalars[0] * next);
    const P decay = DecayOf(options_.weight_decay, range);
    const P beta1 = options_.beta1;
    const P beta2 = options_.beta2;
    const P one_minus_beta1 = 1 - options_.beta1;
    const P one_minus_beta2 = 1 - options_.beta2;
    const P square_factor = 1 / square_correction_.At(step.t);
    const P epsilon = options_.epsilon;
    return UpdateElements<2>(step, range, [&](P p, P g, auto& slots) {
      g = MulAdd(decay, p, g);
      auto& [m, v] = slots;
      m = MulAdd(one_minus_beta1, g, beta1 * m);
      v = MulAdd(one_minus_beta2 * g, g, beta2 * v);
      const P denominator = Sqrt(v * square_factor) + epsilon;
      return p - MulAdd(gradient_rate, g, mean_rate * m) / denominator;
    });
  }

  // |g| <= G + wd P. m is a mean of numbers up to S and |g|, v of numbers up to S and g²; the
  // denominator is at least epsilon. Products of momenta are at most β1, so both rates are at most
  // lr / (1 - β1).
  bool StaysFinite(const UpdateBounds& bounds) const override {
    const double g = bounds.gradient + options_.weight_decay * bounds.parameters;
    const double m = std::max(bounds.slots, g);
    const double v = std::max(bounds.slots, g * g);
    const double rate = bounds.learning_rate / (1 - options_.beta1);
    const double numerator = rate * (g + m);
    return AreFinite({rate, v / (1 - options_.beta2), numerator,
                      bounds.parameters + numerator / options_.epsilon});
  }

 private:
  // μ_t.
  double Momentum(std::int64_t t) const {
    return options_.beta1 *
           (1 - 0.5 * portable::Exp(static_cast<double>(t) * options_.momentum_decay * kLogDecay));
  }

  NadamOptions options_;
  BiasCorrection square_correction_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeNadam(const NadamOptions& options) {
  RETURN_IF_ERROR(CheckDecayRate("beta1", options.beta1));
  RETURN_IF_ERROR(CheckDecayRate("beta2", options.beta2));
  RETURN_IF_ERROR(CheckEpsilon("epsilon", options.epsilon));
  RETURN_IF_ERROR(CheckNonNegative("momentum_decay", options.momentum_decay));
  RETURN_IF_ERROR(CheckNonNegative("weight_decay", options.weight_decay));
  return std::make_unique<Nadam>(options);
}

}  // namespace descent::optimizers
