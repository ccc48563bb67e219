// Which of a network's parameters are tables.

#ifndef CORE_EMBEDDINGS_FIRST_TABLE_H_
#define CORE_EMBEDDINGS_FIRST_TABLE_H_

#include <cstddef>

#include "core/network.h"

namespace descent {

// The index of the first table among the layout's parameters, of which tables are the last: table
// `t` is parameter FirstTable + t.
inline std::size_t FirstTable(const Network& network) {
  return network.layout().parameters().size() - network.tables().size();
}

}  // namespace descent

#endif  // CORE_EMBEDDINGS_FIRST_TABLE_H_
