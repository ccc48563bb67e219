// What clients know of one model's updates: which were sent, which were acknowledged, and what the
// model must be when it comes back after a crash.
//
// Updates come from sources (training sessions, and callers of Step), each in order and numbered
// from
// 1. The server puts them into one order, of which acknowledgements tell. Those that were applied
// but not acknowledged may have come in any order between: of the few that there are, the one that
// leads to the model's hash is found by trying.

#ifndef TESTS_CRASH_LEDGER_H_
#define TESTS_CRASH_LEDGER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/trainer.h"

namespace descent::crash {

struct SourceUpdate {
  std::string source;
  std::int64_t number = 0;

  bool operator==(const SourceUpdate&) const = default;
};

// Thread-safe.
class Ledger {
 public:
  using Counts = std::map<std::string, std::int64_t>;  // by source

  // `trainer`, at step 0, is the undisturbed run. `batch_of` gives the batch of an update.
  Ledger(std::unique_ptr<Trainer> trainer, std::function<Batch(const SourceUpdate&)> batch_of);

  void AddSent(const SourceUpdate& update);
  // The acknowledgement says that the update led to `step`. A violation if another one did, or if
  // the source has not sent it, or the one before is not acknowledged and not known as applied.
  absl::Status AddAcknowledged(const SourceUpdate& update, std::int64_t step);
  // A checkpoint of that step was acknowledged with that hash; compared when it is known.
  void AddCheckpoint(std::int64_t step, std::uint64_t state_hash);

  // The last number that the source has sent, and the last acknowledged or known as applied.
  std::int64_t Sent(const std::string& source) const;
  std::int64_t Acknowledged(const std::string& source) const;

  // The model came back at `step` with this hash, and with so many updates of each source applied
  // (a source that is not in `applied`: 0). An error if that takes back what was acknowledged, has
  // what was not sent or has anything twice, or if no order of the updates leads to the hash. What
  // was sent beyond it is forgotten: it has to be sent again.
  absl::Status CheckRecovered(std::int64_t step, std::uint64_t state_hash, const Counts& applied);

  // The step up to which the undisturbed run has gone.
  std::int64_t step() const;

 private:
  struct Source {
    std::int64_t sent = 0;
    std::int64_t acknowledged = 0;
    std::int64_t run = 0;  // updates that the undisturbed run has done
  };
  using Order = std::vector<SourceUpdate>;

  absl::Status CheckCounts(std::int64_t step, const Counts& applied) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Apply(const SourceUpdate& update) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What may be the undisturbed run's next update, when it has done `run` of each source.
  std::vector<SourceUpdate> Next(const Counts& applied, const Counts& run) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Goes on as far as the order is known, and tries the rest. True: the hash was reached, by
  // `order`. Otherwise the undisturbed run is somewhere on the way.
  bool FindOrder(std::int64_t step, std::uint64_t state_hash, const Counts& applied, Counts run,
                 Order* order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::function<Batch(const SourceUpdate&)> batch_of_;

  mutable absl::Mutex mutex_;
  const std::unique_ptr<Trainer> trainer_ ABSL_PT_GUARDED_BY(mutex_);
  std::map<std::string, Source> sources_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, SourceUpdate> acknowledged_at_ ABSL_GUARDED_BY(mutex_);  // by step
  std::map<std::int64_t, std::uint64_t> checkpoints_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::crash

#endif  // TESTS_CRASH_LEDGER_H_
