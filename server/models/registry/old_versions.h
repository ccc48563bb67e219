// Predictions by the parameters of a model's checkpoints. Those of the checkpoints that were asked
// for last are kept, counted against the memory budget.

#ifndef SERVER_MODELS_REGISTRY_OLD_VERSIONS_H_
#define SERVER_MODELS_REGISTRY_OLD_VERSIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/snapshot.h"
#include "server/models/commands.h"
#include "server/models/reply.h"
#include "server/models/work/memory_budget.h"

namespace descent::models {

class Writer;
struct Resources;

// Thread-safe.
class OldVersions : public std::enable_shared_from_this<OldVersions> {
 public:
  // How many are kept of a model, for how long after they were asked for, and how many predictions
  // wait until one is there.
  static constexpr std::size_t kMost = 2;
  static constexpr absl::Duration kKept = absl::Minutes(1);
  static constexpr std::size_t kMostWaiting = 256;

  OldVersions(Resources* resources, std::shared_ptr<Writer> writer)
      : resources_(resources), writer_(std::move(writer)) {}

  // As Model::Predict, by the checkpoint of that step. What it is kept for ends with any change of
  // the model's checkpoints: one of the same step may have taken its place, or none. NOT_FOUND
  // (CHECKPOINT_NOT_FOUND), DATA_LOSS; RESOURCE_EXHAUSTED (MEMORY_BUDGET, QUEUE_FULL).
  void Predict(std::int64_t step, PredictCommand command, CallContext context,
               Reply<PredictOutcome> reply);

  // Lets go of those that have not been asked for, at a time of SteadyNow.
  void FreeUnused(absl::Time now);

 private:
  struct Version;
  struct Waiter {
    PredictCommand command;
    CallContext context;
    Reply<PredictOutcome> reply;
    MemoryCharge memory;
  };

  // Null: the waiter was taken, to be answered when the version is there.
  absl::StatusOr<std::shared_ptr<Version>> FindOrWait(std::int64_t step, Waiter* waiter,
                                                      bool* is_first);
  std::shared_ptr<Version> Find(std::int64_t step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Load(std::int64_t step);
  void OnLoaded(std::int64_t step, std::int64_t changes, absl::StatusOr<Snapshot> loaded);
  absl::StatusOr<std::shared_ptr<Version>> Make(std::int64_t changes, Snapshot snapshot) const;
  void Keep(std::int64_t step, std::shared_ptr<Version> version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run(const Version& version, PredictCommand command, CallContext context,
           Reply<PredictOutcome> reply) const;

  Resources* const resources_;
  const std::shared_ptr<Writer> writer_;

  absl::Mutex mutex_;
  std::map<std::int64_t, std::shared_ptr<Version>> versions_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::vector<Waiter>> loading_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::models

#endif  // SERVER_MODELS_REGISTRY_OLD_VERSIONS_H_
