#include "core/state_hash.h"

#include <xxhash.h>

#include "core/check.h"

namespace descent {

void StateHasher::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

StateHasher::StateHasher() : state_(XXH3_createState()) {
  DESCENT_CHECK(state_ != nullptr);
  XXH3_64bits_reset(state_.get());
}

StateHasher::~StateHasher() = default;

void StateHasher::Add(const void* bytes, std::size_t size) {
  if (size > 0) XXH3_64bits_update(state_.get(), bytes, size);
}

std::uint64_t StateHasher::Finish(const InputStatistics* statistics,
                                  absl::Span<const double> scalars,
                                  std::int64_t optimizer_updates) {
  if (statistics != nullptr) {
    Add(statistics->values().data(), statistics->values().size() * sizeof(double));
  }
  Add(scalars.data(), scalars.size() * sizeof(double));
  Add(&optimizer_updates, sizeof(optimizer_updates));
  return XXH3_64bits_digest(state_.get());
}

}  // namespace descent
