#include "core/optimizers/ftrl.h"

#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include "core/optimizers/hyperparameters.h"
#include "core/optimizers/packet_optimizer.h"
#include "core/status_macros.h"

namespace descent::optimizers {
namespace {

class Ftrl final : public PacketOptimizer<Ftrl> {
 public:
  explicit Ftrl(const FtrlOptions& options) : options_(options) {}

  std::span<const std::string_view> slot_names() const override {
    static constexpr std::array<std::string_view, 2> kNames = {"z", "n"};
    return kNames;
  }

  template <typename T>
  Magnitudes UpdateAs(const StepContext& step, std::span<const double> /*scalars*/,
                      const UpdateRange<T>& range) const {
    using P = Packet<T>;
    if (step.learning_rate == 0) {
      return UpdateElements<2>(step, range, [](P p, P /*g*/, auto& /*slots*/) { return p; });
    }
    const P inverse_rate = 1 / step.learning_rate;
    const P beta = options_.beta;
    const P l1 = DecayOf(options_.l1, range);
    const P l2 = DecayOf(options_.l2, range);
    return UpdateElements<2>(step, range, [&](P p, P g, auto& slots) {
      auto& [z, n] = slots;
      n = MulAdd(g, g, n);
      const P slope = MulAdd(beta + Sqrt(n), inverse_rate, l2);
      z = g + Select(p == 0, kernels::Clamp(z, -l1, l1), -MulAdd(p, slope, CopySign(l1, p)));
      return Select(Abs(z) <= l1, 0, (CopySign(l1, z) - z) / slope);
    });
  }

  // n grows by at most G², which bounds 1/η + l2; that is at least beta / lr.
  bool StaysFinite(const UpdateBounds& bounds) const override {
    const double rate = bounds.learning_rate;
    if (rate == 0) return true;
    const double n = bounds.slots + bounds.gradient * bounds.gradient;
    const double slope = (options_.beta + std::sqrt(n)) / rate + options_.l2;
    const double z = bounds.gradient + bounds.parameters * slope + options_.l1;
    const double largest_rate = rate / options_.beta;
    return AreFinite({n, 1 / rate, slope, z, largest_rate, (z + options_.l1) * largest_rate});
  }

 private:
  FtrlOptions options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Optimizer>> MakeFtrl(const FtrlOptions& options) {
  RETURN_IF_ERROR(CheckEpsilon("beta", options.beta));
  RETURN_IF_ERROR(CheckNonNegative("l1", options.l1));
  RETURN_IF_ERROR(CheckNonNegative("l2", options.l2));
  return std::make_unique<Ftrl>(options);
}

}  // namespace descent::optimizers
