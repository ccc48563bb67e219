// Merges predictions that wait into one product.
//
// At most one task per model waits for a reader thread. When a thread takes it, it takes with it
// whatever predictions have come by then, up to a bound on rows, and computes them as one product.
// So while threads are free each prediction starts at once and alone; while they are busy,
// predictions gather, and a busier server merges more. Nothing ever waits to be merged. Callers
// take turns, so that one who sends many waits for those himself.

#ifndef SERVER_MODELS_READING_PREDICTION_BATCHER_H_
#define SERVER_MODELS_READING_PREDICTION_BATCHER_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/models/state/publication.h"
#include "server/models/work/call.h"
#include "server/models/work/caller_turns.h"
#include "server/models/work/resources.h"

namespace descent::models {

// Of one model. Thread-safe.
class PredictionBatcher : public std::enable_shared_from_this<PredictionBatcher> {
 public:
  PredictionBatcher(Resources* resources, std::shared_ptr<const Publication> publication)
      : resources_(resources), publication_(std::move(publication)) {}

  // To be called as each prediction comes. Whether they come one at a time: this one would find
  // none to be merged with, and may as well be computed where it came.
  bool NoteArrival();

  // Requires an admitted call. Predictions of one merged product see the same step.
  void Add(PredictCommand command, Call<PredictOutcome> call);

 private:
  struct Pending {
    PredictCommand command;
    Call<PredictOutcome> call;
  };

  void RunBatch();
  // Counts what the outcomes take in `unsent`.
  absl::StatusOr<std::vector<absl::StatusOr<PredictOutcome>>> Compute(
      absl::Span<const PredictCommand* const> commands, std::int64_t rows, MemoryCharge* unsent);
  // What the next product computes; schedules another task when more is left.
  std::vector<Pending> Take();
  // The cost of the next product of those that wait.
  MultiplyAdds CostOfNext() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Schedule(MultiplyAdds cost);

  Resources* const resources_;
  const std::shared_ptr<const Publication> publication_;

  absl::Mutex mutex_;
  CallerTurns<Pending> pending_ ABSL_GUARDED_BY(mutex_);
  std::int64_t pending_rows_ ABSL_GUARDED_BY(mutex_) = 0;
  bool scheduled_ ABSL_GUARDED_BY(mutex_) = false;  // a task waits for a thread
  absl::Time last_arrival_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int calls_alone_ ABSL_GUARDED_BY(mutex_) = 0;  // the last so many came one at a time
};

}  // namespace descent::models

#endif  // SERVER_MODELS_READING_PREDICTION_BATCHER_H_
