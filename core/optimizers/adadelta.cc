#include "core/optimizers/adadelta.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include "core/optimizers/hyperparameters.h"
#include "core/optimizers/packet_optimizer.h"
#include "core/status_macros.h"

namespace descent::optimizers {
namespace {

class Adadelta final : public PacketOptimizer<Adadelta> {
 public:
  explicit Adadelta(const AdadeltaOptions& options) : options_(options) {}

  std::span<const std::string_view> slot_names() const override {
    static constexpr std::array<std::string_view, 2> kNames = {"square_avg", "acc_delta"};
    return kNames;
  }

  template <typename T>
  Magnitudes UpdateAs(const StepContext& step, std::span<const double> /*scalars*/,
                      const UpdateRange<T>& range) const {
    using P = Packet<T>;
    const P decay = DecayOf(options_.weight_decay, range);
    const P rate = step.learning_rate;
    const P rho = options_.rho;
    const P one_minus_rho = 1 - options_.rho;
    const P epsilon = options_.epsilon;
    return UpdateElements<2>(step, range, [&](P p, P g, auto& slots) {
      g = MulAdd(decay, p, g);
      auto& [v, u] = slots;
      v = MulAdd(one_minus_rho * g, g, rho * v);
      const P d = Sqrt(u + epsilon) / Sqrt(v + epsilon) * g;
      u = MulAdd(one_minus_rho * d, d, rho * u);
      return MulAdd(-rate, d, p);
    });
  }

  // |g| <= G + wd P. v is a mean of numbers up to S and g², u of numbers up to S and d²; the
  // denominator is at least sqrt(epsilon).
  bool StaysFinite(const UpdateBounds& bounds) const override {
    const double g = bounds.gradient + options_.weight_decay * bounds.parameters;
    const double ratio = std::sqrt((bounds.slots + options_.epsilon) / options_.epsilon);
    const double d = ratio * g;
    const double v = std::max(bounds.slots, g * g);
    const double rate = bounds.learning_rate;
    return AreFinite({rate, v, ratio, d * d, bounds.parameters + rate * d});
  }

 private:
  AdadeltaOptions options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeAdadelta(const AdadeltaOptions& options) {
  RETURN_IF_ERROR(CheckDecayRate("rho", options.rho));
  RETURN_IF_ERROR(CheckEpsilon("epsilon", options.epsilon));
  RETURN_IF_ERROR(CheckNonNegative("weight_decay", options.weight_decay));
  return std::make_unique<Adadelta>(options);
}

}  // namespace descent::optimizers
