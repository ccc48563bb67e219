// Bounds on the sizes of a network.

#ifndef CORE_LAYERS_SIZES_H_
#define CORE_LAYERS_SIZES_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace descent {

// A flat buffer may hold so many elements: 2^40, far beyond any machine, and far enough from 2^63
// that no product of a size and a width overflows.
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;

// kInvalidArgument naming `field` unless 1 <= value <= kMaxElements.
absl::Status ValidateSize(std::string_view field, std::int64_t value);

}  // namespace descent

#endif  // CORE_LAYERS_SIZES_H_
