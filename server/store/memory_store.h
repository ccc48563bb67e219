// The store of a server without a data directory.

#ifndef SERVER_STORE_MEMORY_STORE_H_
#define SERVER_STORE_MEMORY_STORE_H_

#include "server/store/store.h"

namespace descent::store {

// Keeps nothing and calls back at once. A model lives as long as the server, which is all that was
// promised (Durability::kMemory), so each step counts as durable as soon as it is made.
class MemoryStore final : public Store {
 public:
  void CreateModel(const ModelSettings& settings, absl::Time create_time, OnCreated done) override;
};

}  // namespace descent::store

#endif  // SERVER_STORE_MEMORY_STORE_H_
