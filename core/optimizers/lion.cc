#include "core/optimizers/lion.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "core/optimizers/hyperparameters.h"
#include "core/optimizers/packet_optimizer.h"
#include "core/status_macros.h"

namespace descent::optimizers {
namespace {

class Lion final : public PacketOptimizer<Lion> {
 public:
  explicit Lion(const LionOptions& options) : options_(options) {}

  std::span<const std::string_view> slot_names() const override {
    static constexpr std::array<std::string_view, 1> kNames = {"exp_avg"};
    return kNames;
  }

  template <typename T>
  Magnitudes UpdateAs(const StepContext& step, std::span<const double> /*scalars*/,
                      const UpdateRange<T>& range) const {
    using P = Packet<T>;
    const P decay = DecayOf(options_.weight_decay, range);
    const P rate = step.learning_rate;
    const P beta1 = options_.beta1;
    const P beta2 = options_.beta2;
    const P one_minus_beta1 = 1 - options_.beta1;
    const P one_minus_beta2 = 1 - options_.beta2;
    return UpdateElements<1>(step, range, [&](P p, P g, auto& slots) {
      P& m = slots[0];
      const P direction = MulAdd(one_minus_beta1, g, beta1 * m);
      const P sign = Select(direction > 0, 1, Select(direction < 0, -1, direction));
      m = MulAdd(one_minus_beta2, g, beta2 * m);
      return MulAdd(-rate, MulAdd(decay, p, sign), p);
    });
  }

  // m is a mean of numbers up to S and G; the step is at most lr (1 + wd P).
  bool StaysFinite(const UpdateBounds& bounds) const override {
    const double step = 1 + options_.weight_decay * bounds.parameters;
    const double rate = bounds.learning_rate;
    return AreFinite({rate, bounds.slots, bounds.gradient, step, bounds.parameters + rate * step});
  }

 private:
  LionOptions options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeLion(const LionOptions& options) {
  RETURN_IF_ERROR(CheckDecayRate("beta1", options.beta1));
  RETURN_IF_ERROR(CheckDecayRate("beta2", options.beta2));
  RETURN_IF_ERROR(CheckNonNegative("weight_decay", options.weight_decay));
  return std::make_unique<Lion>(options);
}

}  // namespace descent::optimizers
