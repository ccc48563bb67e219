// What updates of flat buffers and of tables share: both are cut into ranges. Internal to the core.

#ifndef CORE_UPDATE_RANGES_H_
#define CORE_UPDATE_RANGES_H_

#include <cmath>
#include <cstddef>
#include <vector>

#include "core/optimizers/optimizer.h"

namespace descent {

// More slots than any optimizer has.
inline constexpr std::size_t kMaxSlots = 4;

// The largest of all ranges, NaN where one has that.
inline Magnitudes LargestOf(const std::vector<Magnitudes>& ranges) {
  const auto larger = [](double a, double b) { return b > a || std::isnan(b) ? b : a; };
  Magnitudes largest;
  for (const Magnitudes& range : ranges) {
    largest.parameters = larger(largest.parameters, range.parameters);
    largest.slots = larger(largest.slots, range.slots);
  }
  return largest;
}

}  // namespace descent

#endif  // CORE_UPDATE_RANGES_H_
