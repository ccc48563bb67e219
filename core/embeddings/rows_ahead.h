// Rows that lie anywhere in memory are asked for before they are needed. Internal to the core.

#ifndef CORE_EMBEDDINGS_ROWS_AHEAD_H_
#define CORE_EMBEDDINGS_ROWS_AHEAD_H_

#include <cstddef>

namespace descent {

// So many rows before: about as many as are on their way from memory at once.
inline constexpr std::size_t kRowsAhead = 24;

// Of a row of several cache lines the first: the processor sees that the others follow it.
template <typename T>
[[gnu::always_inline]] inline void AskForRow(const T* row) {
  __builtin_prefetch(row);
}
template <typename T>
[[gnu::always_inline]] inline void AskForRowToWrite(T* row) {
  __builtin_prefetch(row, 1);
}

}  // namespace descent

#endif  // CORE_EMBEDDINGS_ROWS_AHEAD_H_
