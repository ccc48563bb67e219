// Search for numbers that are not finite.

#ifndef CORE_FINITE_H_
#define CORE_FINITE_H_

#include <cstdint>

#include "core/buffer.h"

namespace descent {

// Index of the first element that is NaN or infinite, or -1.
std::int64_t FirstNonFinite(const Buffer& buffer);

// The largest absolute value; 0 for an empty buffer. Requires finite elements.
double LargestMagnitude(const Buffer& buffer);

}  // namespace descent

#endif  // CORE_FINITE_H_
