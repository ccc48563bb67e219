// Initial parameter values, a function of (seed, parameter, element) alone.

#ifndef CORE_INITIALIZERS_INITIALIZER_H_
#define CORE_INITIALIZERS_INITIALIZER_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/buffer.h"
#include "core/spec.h"
#include "core/thread_pool.h"

namespace descent {

// What an initialiser needs to know about the parameter it fills.
struct InitializerContext {
  std::uint64_t seed = 0;
  std::uint64_t parameter = 0;  // the parameter's index in the network
  std::int64_t fan_in = 0;      // inputs of the layer, for biases too
  std::int64_t fan_out = 0;     // units of the layer
  double gain = 1;              // of the layer's activation
};

struct InitializerInfo {
  InitializerKind kind;
  std::string_view name;  // "glorot_uniform"
};

// Every initialiser, in the order of the enum.
absl::Span<const InitializerInfo> Initializers();

// kInvalidArgument (field "scale") for a scale that is not finite.
absl::Status ValidateInitializer(const InitializerSpec& spec);

// Fills elements [offset, offset + n) of `parameters`. spec.kind must be set and valid; `pool` may
// be null.
void Initialize(const InitializerSpec& spec, const InitializerContext& context, std::int64_t offset,
                std::int64_t n, ThreadPool* pool, Buffer* parameters);

}  // namespace descent

#endif  // CORE_INITIALIZERS_INITIALIZER_H_
