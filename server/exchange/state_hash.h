// The state hash that a model has once it is imported from a file, which is what the file says.

#ifndef SERVER_EXCHANGE_STATE_HASH_H_
#define SERVER_EXCHANGE_STATE_HASH_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "core/buffer.h"
#include "core/input_statistics.h"
#include "core/optimizers/optimizer.h"

namespace descent::exchange {

// An optimizer's state, wherever it lies.
struct OptimizerStateView {
  absl::Span<const Buffer> slots;
  absl::Span<const double> scalars;
  std::int64_t updates = 0;
};

// core/trainer.h's StateHash of these. `state`: null for the one that `optimizer` begins with.
// `statistics`: null unless the network normalises its inputs.
std::uint64_t ImportedStateHash(const Buffer& parameters, const InputStatistics* statistics,
                                const Optimizer& optimizer, const OptimizerStateView* state);

// As kStateHashKey has it: 16 hexadecimal digits.
std::string StateHashText(std::uint64_t hash);

}  // namespace descent::exchange

#endif  // SERVER_EXCHANGE_STATE_HASH_H_
