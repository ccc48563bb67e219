// Brings stored models back, all of them when the server starts, and those whose changes the store
// has failed when it works again.

#ifndef SERVER_MODELS_REGISTRY_RECOVERY_RUNNER_H_
#define SERVER_MODELS_REGISTRY_RECOVERY_RUNNER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/models/recovery/recovery.h"
#include "server/models/registry/model_table.h"
#include "server/models/work/executor.h"
#include "server/models/work/resources.h"
#include "server/store/store.h"

namespace descent::models {

struct RecoverySummary {
  std::int64_t recovered = 0;
  std::int64_t quarantined = 0;
  std::int64_t replayed = 0;  // updates of all journals
  absl::Duration duration;
  bool stopped = false;  // before all models were recovered
};
using OnRecovered = absl::AnyInvocable<void(const RecoverySummary&) &&>;

// Is told how recovery goes, on its threads. Thread-safe.
class RecoveryObserver {
 public:
  virtual ~RecoveryObserver() = default;

  // About every second while a long journal is applied.
  virtual void OnProgress(const std::string& model, std::int64_t replayed,
                          std::int64_t remaining_bytes) = 0;
  // OK: the model is served. Otherwise it is quarantined: every call for it gets this status.
  virtual void OnModel(const std::string& model, const absl::Status& status,
                       const Replayed& replayed, absl::Duration duration) = 0;
};

// Thread-safe.
class RecoveryRunner {
 public:
  RecoveryRunner(store::Store* store, ModelTable* table, Resources* resources);
  // Gives up what is not finished.
  ~RecoveryRunner();

  // Recovers `stored`, several models at a time. Their names are reserved when this returns, and
  // `done` is called after the last one. `observer` may be null. Called at most once.
  void Start(std::vector<std::unique_ptr<store::StoredModel>> stored, OnRecovered done,
             RecoveryObserver* observer);

  // Recovers the models whose changes the store has failed, their removal included. What was
  // published of them stays readable meanwhile.
  void Revive();

  // Gives up what is not finished; models stay as they are. Returns when Start's `done` has been
  // called, if there was such a call.
  void Stop();

 private:
  // What the recovery at the start shares.
  struct Run;

  void RecoverStored(store::StoredModel* stored, Run* run);
  void ReviveModel(const std::string& name);
  // Puts the outcome into the table; returns what was replayed.
  absl::StatusOr<Replayed> Bring(store::StoredModel* stored, RecoveryObserver* observer);

  store::Store* const store_;
  ModelTable* const table_;
  Resources* const resources_;
  std::atomic<bool> stop_{false};
  std::atomic<RecoveryObserver*> observer_{nullptr};
  std::shared_ptr<Run> run_;  // set by Start
  Executor threads_;          // last: its tasks end before what they use
};

}  // namespace descent::models

#endif  // SERVER_MODELS_REGISTRY_RECOVERY_RUNNER_H_
