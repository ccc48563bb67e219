#include "core/optimizers/state_bounds.h"

#include <algorithm>
#include <array>

namespace descent {

StateBounds BoundsOfState(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kSquares = {
      "exp_avg_sq", "max_exp_avg_sq", "square_avg", "acc_delta", "sum", "n"};
  StateBounds bounds;
  if (std::ranges::find(kSquares, name) != kSquares.end()) bounds.least = 0;
  if (name == "mu_product") bounds = {.least = 0, .most = 1};
  return bounds;
}

}  // namespace descent
