// What a model's owner decides about it.

#ifndef SERVER_STORE_MODEL_SETTINGS_H_
#define SERVER_STORE_MODEL_SETTINGS_H_

#include <cstdint>
#include <map>
#include <string>

#include "core/spec.h"
#include "server/store/shared_text.h"

namespace descent::store {

// How long an acknowledged update is safe, see the wire contract's Durability.
enum class Durability : std::uint8_t { kJournal = 1, kCheckpoint = 2, kMemory = 3 };

struct ModelSettings {
  std::string name;
  NetworkSpec network;
  OptimizerSpec optimizer;
  Durability durability = Durability::kJournal;
  std::map<std::string, std::string> labels;
  SharedText client_data;
};

}  // namespace descent::store

#endif  // SERVER_STORE_MODEL_SETTINGS_H_
