// What everybody but a model's writer sees of it: the last published step.

#ifndef SERVER_MODELS_STATE_PUBLICATION_H_
#define SERVER_MODELS_STATE_PUBLICATION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/network.h"
#include "core/snapshot.h"
#include "server/models/commands.h"
#include "server/models/state/model_counters.h"

namespace descent::models {

// Thread-safe. The mutex is held for the time of copying a handle, never for compute.
class Publication {
 public:
  // What changes with every update.
  struct Progress {
    std::int64_t step = 0;
    std::int64_t durable_step = 0;
    double last_loss = 0;
    double gradient_norm = 0;  // of the last update that trained
    absl::Time update_time;
  };

  Publication(std::shared_ptr<const Network> network, ModelSettings settings,
              absl::Time create_time, Snapshot snapshot, const Progress& progress);

  const std::string& name() const { return name_; }
  const std::shared_ptr<const Network>& network() const { return network_; }
  absl::Time create_time() const { return create_time_; }

  Snapshot snapshot() const;
  Progress progress() const;
  ModelSettings settings() const;
  // All but state_hash.
  ModelInfo Describe() const;

  // settings: null if they have not changed.
  void Publish(Snapshot snapshot, const Progress& progress,
               std::shared_ptr<const ModelSettings> settings);

  // Settings that have changed with no update.
  void SetSettings(ModelSettings settings);

  // A crash can no longer take back `step`, which was published before.
  void SetDurableStep(std::int64_t step);

  // How often the listed checkpoints have changed; and that they have.
  std::int64_t checkpoint_changes() const {
    return checkpoint_changes_.load(std::memory_order_acquire);
  }
  void NoteCheckpointChange() { checkpoint_changes_.fetch_add(1, std::memory_order_acq_rel); }

  // The model was deleted, or the store can't keep its updates any more: reads, or only updates,
  // are refused from now on.
  void Close() { closed_.store(true, std::memory_order_release); }
  void Fail(absl::Status status);

  // What a read, or an update, is refused with; otherwise OK.
  absl::Status ReadStatus() const;
  absl::Status WriteStatus() const;

  // What whoever works on the model counts.
  ModelCounters& counters() const { return counters_; }

 private:
  const std::string name_;
  const std::shared_ptr<const Network> network_;
  const absl::Time create_time_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> failed_{false};
  std::atomic<std::int64_t> checkpoint_changes_{0};
  mutable ModelCounters counters_;

  mutable absl::Mutex mutex_;
  Snapshot snapshot_ ABSL_GUARDED_BY(mutex_);
  Progress progress_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const ModelSettings> settings_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);  // the first one
};

}  // namespace descent::models

#endif  // SERVER_MODELS_STATE_PUBLICATION_H_
