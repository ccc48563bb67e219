#include "core/optimizers/rmsprop.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "core/optimizers/hyperparameters.h"
#include "core/optimizers/packet_optimizer.h"
#include "core/status_macros.h"

namespace descent::optimizers {
namespace {

constexpr std::string_view kSquareAvg = "square_avg";
constexpr std::string_view kMomentumBuffer = "momentum_buffer";
constexpr std::string_view kGradAvg = "grad_avg";

class RmsProp final : public PacketOptimizer<RmsProp> {
 public:
  explicit RmsProp(const RmsPropOptions& options) : options_(options) {
    if (options.momentum != 0) slot_names_.push_back(kMomentumBuffer);
    if (options.centered) slot_names_.push_back(kGradAvg);
  }

  std::span<const std::string_view> slot_names() const override { return slot_names_; }

  template <typename T>
  Magnitudes UpdateAs(const StepContext& step, std::span<const double> /*scalars*/,
                      const UpdateRange<T>& range) const {
    if (options_.momentum != 0) {
      return options_.centered ? UpdateWith<true, true>(step, range)
                               : UpdateWith<true, false>(step, range);
    }
    return options_.centered ? UpdateWith<false, true>(step, range)
                             : UpdateWith<false, false>(step, range);
  }

  // |g| <= G + wd P. v is a mean of numbers up to S and g², h of numbers up to S and |g|; the
  // denominator is at least epsilon.
  bool StaysFinite(const UpdateBounds& bounds) const override {
    const double g = bounds.gradient + options_.weight_decay * bounds.parameters;
    const double h = std::max(bounds.slots, g);
    const double d = options_.momentum * bounds.slots + g / options_.epsilon;
    const double rate = bounds.learning_rate;
    return AreFinite({rate, h, h * h, d, bounds.parameters + rate * d});
  }

 private:
  template <bool kMomentum, bool kCentered, typename T>
  Magnitudes UpdateWith(const StepContext& step, const UpdateRange<T>& range) const {
    using P = Packet<T>;
    const P decay = DecayOf(options_.weight_decay, range);
    const P rate = step.learning_rate;
    const P alpha = options_.alpha;
    const P one_minus_alpha = 1 - options_.alpha;
    const P epsilon = options_.epsilon;
    const P momentum = options_.momentum;
    constexpr int kSlots = 1 + (kMomentum ? 1 : 0) + (kCentered ? 1 : 0);
    return UpdateElements<kSlots>(step, range, [&](P p, P g, auto& slots) {
      g = MulAdd(decay, p, g);
      P& v = slots[0];
      v = MulAdd(one_minus_alpha * g, g, alpha * v);
      P square = v;
      if constexpr (kCentered) {
        P& h = slots[kSlots - 1];
        h = MulAdd(one_minus_alpha, g, alpha * h);
        square = Max(MulAdd(-h, h, v), 0);
      }
      P d = g / (Sqrt(square) + epsilon);
      if constexpr (kMomentum) d = slots[1] = MulAdd(momentum, slots[1], d);
      return MulAdd(-rate, d, p);
    });
  }

  RmsPropOptions options_;
  std::vector<std::string_view> slot_names_ = {kSquareAvg};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeRmsProp(const RmsPropOptions& options) {
  RETURN_IF_ERROR(CheckDecayRate("alpha", options.alpha));
  RETURN_IF_ERROR(CheckEpsilon("epsilon", options.epsilon));
  RETURN_IF_ERROR(CheckDecayRate("momentum", options.momentum));
  RETURN_IF_ERROR(CheckNonNegative("weight_decay", options.weight_decay));
  return std::make_unique<RmsProp>(options);
}

}  // namespace descent::optimizers
