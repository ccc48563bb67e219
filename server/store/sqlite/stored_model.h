// Reading a model of the file to recover it.

#ifndef SERVER_STORE_SQLITE_STORED_MODEL_H_
#define SERVER_STORE_SQLITE_STORED_MODEL_H_

#include <memory>

#include "server/store/sqlite/found_models.h"
#include "server/store/sqlite/store_thread.h"
#include "server/store/store.h"

namespace descent::store {

std::unique_ptr<StoredModel> MakeStoredModel(FoundModel found, StoreThread* thread);

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_STORED_MODEL_H_
