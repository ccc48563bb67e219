// How a pass over a flat buffer is cut into tasks. Internal to the core.

#ifndef CORE_FLAT_CHUNKS_H_
#define CORE_FLAT_CHUNKS_H_

#include <algorithm>
#include <cstdint>

#include "core/thread_pool.h"

namespace descent {

// Elements that one task takes: a constant, since sums are formed chunk by chunk.
inline constexpr std::int64_t kFlatChunk = 16384;

// Runs body(i) for i in [0, tasks), on the pool if the pass is long enough to be worth a fork.
template <typename Body>
void RunFlatTasks(std::int64_t elements, std::int64_t tasks, ThreadPool* pool, const Body& body) {
  if (pool != nullptr && elements >= 8 * kFlatChunk) {
    pool->ParallelFor(tasks, body);
  } else {
    for (std::int64_t i = 0; i < tasks; ++i) body(i);
  }
}

}  // namespace descent

#endif  // CORE_FLAT_CHUNKS_H_
