// What the store's thread works with.

#ifndef SERVER_STORE_SQLITE_STORE_PARTS_H_
#define SERVER_STORE_SQLITE_STORE_PARTS_H_

#include "absl/status/status.h"
#include "server/store/sqlite/checkpoint_loader.h"
#include "server/store/sqlite/checkpoint_writer.h"
#include "server/store/sqlite/store_tables.h"

namespace descent::store {

// Used as StoreTables are. The parts know nothing of each other but what an operation tells them.
struct StoreParts : StoreTables {
  using StoreTables::StoreTables;

  CheckpointWriter checkpoint_writer;
  CheckpointLoader checkpoint_loader;

  // Whether changes can be kept: Store::status() as the thread knows it.
  absl::Status status;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_STORE_PARTS_H_
