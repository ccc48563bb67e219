// What an optimizer's state can hold after updates of its own. State that comes from elsewhere has
// to lie within, for Optimizer::StaysFinite counts on it.

#ifndef CORE_OPTIMIZERS_STATE_BOUNDS_H_
#define CORE_OPTIMIZERS_STATE_BOUNDS_H_

#include <limits>
#include <string_view>

namespace descent {

struct StateBounds {
  double least = -std::numeric_limits<double>::max();
  double most = std::numeric_limits<double>::max();

  // False for NaN.
  bool Contain(double value) const { return value >= least && value <= most; }
};

// Of each number of the slot or scalar of that name (Optimizer::slot_names, scalar_names), whatever
// the optimizer: sums and means of squares are not negative, products of momenta lie in [0, 1], and
// all are finite.
StateBounds BoundsOfState(std::string_view name);

}  // namespace descent

#endif  // CORE_OPTIMIZERS_STATE_BOUNDS_H_
