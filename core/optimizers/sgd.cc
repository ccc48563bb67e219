#include "core/optimizers/sgd.h"

#include <array>
#include <span>
#include <string_view>

#include "core/error.h"
#include "core/optimizers/hyperparameters.h"
#include "core/optimizers/packet_optimizer.h"
#include "core/status_macros.h"

namespace descent::optimizers {
namespace {

class Sgd final : public PacketOptimizer<Sgd> {
 public:
  explicit Sgd(const SgdOptions& options) : options_(options) {}

  std::span<const std::string_view> slot_names() const override {
    static constexpr std::array<std::string_view, 1> kNames = {"momentum_buffer"};
    return std::span(kNames).first(options_.momentum != 0 ? 1 : 0);
  }

  template <typename T>
  Magnitudes UpdateAs(const StepContext& step, std::span<const double> /*scalars*/,
                      const UpdateRange<T>& range) const {
    using P = Packet<T>;
    const P decay = DecayOf(options_.weight_decay, range);
    const P rate = step.learning_rate;
    if (options_.momentum == 0) {
      return UpdateElements<0>(step, range, [&](P p, P g, auto& /*slots*/) {
        return MulAdd(-rate, MulAdd(decay, p, g), p);
      });
    }
    const P momentum = options_.momentum;
    const bool nesterov = options_.nesterov;
    return UpdateElements<1>(step, range, [&](P p, P g, auto& slots) {
      g = MulAdd(decay, p, g);
      slots[0] = MulAdd(momentum, slots[0], g);
      return MulAdd(-rate, nesterov ? MulAdd(momentum, slots[0], g) : slots[0], p);
    });
  }

  // |g| <= G + wd P, |m| <= momentum S + |g|, and the step is at most lr (|g| + |m|).
  bool StaysFinite(const UpdateBounds& bounds) const override {
    const double g = bounds.gradient + options_.weight_decay * bounds.parameters;
    const double m = options_.momentum * bounds.slots + g;
    const double rate = bounds.learning_rate;
    return AreFinite({rate, g + m, bounds.parameters + rate * (g + m)});
  }

 private:
  SgdOptions options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeSgd(const SgdOptions& options) {
  RETURN_IF_ERROR(CheckDecayRate("momentum", options.momentum));
  RETURN_IF_ERROR(CheckNonNegative("weight_decay", options.weight_decay));
  if (options.nesterov && options.momentum == 0) {
    return InvalidField("nesterov", "expected a momentum > 0 with it, got 0");
  }
  return std::make_unique<Sgd>(options);
}

}  // namespace descent::optimizers
