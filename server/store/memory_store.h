// The store of a server without a data directory.

#ifndef SERVER_STORE_MEMORY_STORE_H_
#define SERVER_STORE_MEMORY_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/store/store.h"

namespace descent::store {

// Keeps nothing but checkpoints that were asked for, and calls back at once. A model lives as long
// as the server, which is all that was promised (Durability::kMemory), so each step counts as
// durable as soon as it is made.
class MemoryStore final : public Store {
 public:
  void CreateModel(const ModelSettings& settings, const ModelAnswer& answer,
                   std::optional<AnsweredRequest> request, OnCreated done) override;
  std::vector<std::unique_ptr<StoredModel>> TakeStoredModels() override { return {}; }
  absl::StatusOr<std::unique_ptr<StoredModel>> Find(const std::string& name) override;
  absl::StatusOr<std::vector<RememberedAnswer>> RegistryAnswers() override {
    return std::vector<RememberedAnswer>();
  }
  absl::Status status() const override { return absl::OkStatus(); }
  void MakeBackup(OnBackup done) override;
  void NotifyStatus(OnStatus /*on_status*/) override {}
};

}  // namespace descent::store

#endif  // SERVER_STORE_MEMORY_STORE_H_
