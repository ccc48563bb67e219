// Internal to the core.

#ifndef CORE_EMBEDDINGS_COPY_ROW_H_
#define CORE_EMBEDDINGS_COPY_ROW_H_

#include <cstdint>

#include "core/kernels/packet.h"

namespace descent {

// A table's row, which most often is a register or two: shorter than a call, so that the processor
// has many on their way at once, each of which may lie in no cache.
template <typename T>
[[gnu::always_inline]] inline void CopyRow(const T* from, std::int64_t dimension, T* to) {
  kernels::ForEachPacket<T>(dimension, [&](auto slice) { slice.Store(slice.Load(from), to); });
}

}  // namespace descent

#endif  // CORE_EMBEDDINGS_COPY_ROW_H_
