// The hash that tells whether two states are the same to the bit.

#ifndef CORE_STATE_HASH_H_
#define CORE_STATE_HASH_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "core/input_statistics.h"

struct XXH3_state_s;

namespace descent {

// XXH3 (64 bits) over a state's parts: the bytes of the parameters, then of each slot, as they are
// laid out, gaps included; of networks that normalise their inputs the statistics' values; then the
// scalars and the optimizer's t. Parts may be added in pieces.
class StateHasher {
 public:
  StateHasher();
  ~StateHasher();
  StateHasher(const StateHasher&) = delete;
  StateHasher& operator=(const StateHasher&) = delete;

  void Add(const void* bytes, std::size_t size);

  // The last call. `statistics`: null unless the network normalises its inputs.
  std::uint64_t Finish(const InputStatistics* statistics, absl::Span<const double> scalars,
                       std::int64_t optimizer_updates);

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace descent

#endif  // CORE_STATE_HASH_H_
