// All models of a server, by name, and the threads, queues and memory they share.

#ifndef SERVER_MODELS_REGISTRY_REGISTRY_H_
#define SERVER_MODELS_REGISTRY_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/models/backup_reading.h"
#include "server/models/commands.h"
#include "server/models/options.h"
#include "server/models/registry/model.h"
#include "server/models/registry/recovery_runner.h"
#include "server/models/reply.h"
#include "server/models/statistics.h"
#include "server/models/work/memory_budget.h"
#include "server/store/store.h"

namespace descent::models {

// What the models hold now.
struct RegistryUsage {
  std::size_t models = 0;
  std::size_t memory_bytes = 0;  // counted against ModelsOptions::memory_budget_bytes
  std::int64_t held_items = 0;   // queued or running
  std::size_t held_bytes = 0;
  // Tasks that no thread has taken yet.
  std::size_t waiting_updates = 0;
  std::size_t waiting_reads = 0;
};

// Thread-safe. Must outlive every Model, TrainingSession and Evaluation that came from it.
class Registry {
 public:
  // Models in memory alone.
  explicit Registry(const ModelsOptions& options);
  // Every acknowledged change goes through `store`, see server/store/store.h.
  Registry(const ModelsOptions& options, std::unique_ptr<store::Store> store);
  // Finishes what is held.
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Brings back what the store holds. The stored models' names are taken when this returns; each is
  // UNAVAILABLE (RECOVERING) until it is served, or quarantined: then every call for it but Delete
  // is DATA_LOSS. `done` comes on another thread, after the last model. `observer` may be null and
  // must outlive the registry. Called at most once, first.
  void Recover(OnRecovered done, RecoveryObserver* observer = nullptr);

  // Makes a model at step 0. ALREADY_EXISTS (MODEL_EXISTS), INVALID_ARGUMENT naming the field
  // ("model.network.layers[2].dense.units"), RESOURCE_EXHAUSTED (MEMORY_BUDGET).
  void Create(CreateModelCommand command, CallContext context, Reply<ModelInfo> reply);

  // Makes a model of a state that comes from elsewhere: all of it is as durable as its settings
  // promise when the reply comes, and nothing of it is there before. Errors as Create's, and those
  // of the store.
  void Import(ImportModelCommand command, CallContext context, Reply<ModelInfo> reply);

  // Removes a model. The update it is applying is finished, what it holds besides is answered
  // NOT_FOUND; its memory is freed when the last reader has let go. The name is free when the
  // reply comes. NOT_FOUND (MODEL_NOT_FOUND).
  void Delete(DeleteModelCommand command, CallContext context, Reply<DeleteModelOutcome> reply);

  // NOT_FOUND (MODEL_NOT_FOUND).
  absl::StatusOr<std::shared_ptr<Model>> Find(std::string_view name) const;

  // One page of those models that `may_see` is true of, by name. page_size 0 means 100, more than
  // 1000 means 1000. INVALID_ARGUMENT (field "page_size" or "page_token").
  using MaySee = absl::FunctionRef<bool(std::string_view name)>;
  absl::StatusOr<ListModelsOutcome> List(const ListModelsCommand& command, MaySee may_see) const;
  absl::StatusOr<ListModelsOutcome> List(const ListModelsCommand& command) const {
    return List(command, [](std::string_view) { return true; });
  }

  // A consistent copy of everything that is durable, made while work goes on. UNIMPLEMENTED
  // (NO_STORAGE) for models in memory alone.
  void MakeBackup(CallContext context, Reply<std::shared_ptr<BackupReading>> reply);

  // Whether changes can be kept now: see store::Store::status.
  absl::Status StorageStatus() const;
  // Calls `on_status`, on any thread, with what StorageStatus is whenever it changes. Set once.
  void NotifyStorage(store::Store::OnStatus on_status);

  // From now on refuses new work with UNAVAILABLE (DRAINING); training sessions apply and
  // acknowledge what they hold, then end with that error, and models that last as their checkpoints
  // do are saved. Returns when everything held is answered, or DEADLINE_EXCEEDED at the deadline,
  // of SteadyNow. May be called again.
  absl::Status Drain(absl::Time deadline);

  RegistryUsage Usage() const;

  // Of those models that `may_see` is true of: the first `most_models` by name, and of all what can
  // be counted quickly.
  RegistryStatistics Statistics(std::size_t most_models, MaySee may_see) const;

  // See Store: null, and nothing, for models in memory alone.
  std::shared_ptr<const store::StoreNumbers> StoreNumbers() const;
  store::StoreUsage StoreUsage() const;

  // What everything that holds memory for calls counts it against; see MemoryPurpose. May be held
  // longer than the registry.
  const std::shared_ptr<MemoryBudget>& memory() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_REGISTRY_REGISTRY_H_
