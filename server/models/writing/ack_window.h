// What a training stream may send before it is answered, and what it is told: when it may read on,
// what was applied, how it ended.

#ifndef SERVER_MODELS_WRITING_ACK_WINDOW_H_
#define SERVER_MODELS_WRITING_ACK_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/models/commands.h"
#include "server/models/options.h"
#include "server/models/training_session.h"
#include "server/models/work/work_quota.h"

namespace descent::models {

// Thread-safe. Ready, Cover and Finish are called one at a time and in order, by callbacks of the
// model's journal: that alone keeps acknowledgements after the commits that they report. No lock is
// held during a call to the observer.
class AckWindow {
 public:
  // What a batch adds to what is held.
  struct Held {
    std::size_t bytes = 0;
    std::int64_t multiply_adds = 0;
  };

  // As many batches, bytes and multiply-adds as `options` has for a session, and while `quota` has
  // room; one batch in any case. An acknowledgement covers `ack_every` batches, but at most half a
  // window, for a client may wait for one before it sends on. `ticket` is held until Finish.
  AckWindow(const ModelsOptions& options, std::shared_ptr<WorkQuota> quota, int ack_every,
            std::shared_ptr<TrainObserver> observer, WorkTicket ticket);

  // The stream's part.

  // Counts a batch that was read. False: nobody is told anything any more, and it is not counted.
  bool Hold(const Held& held);
  // Whether the stream may read its next batch. If not, OnCapacity follows when there is room
  // again, or the session is over.
  bool MayReadOn();
  // Says that the stream may read on, unless the session is over.
  void OfferCapacity();
  // From now on nobody is told anything.
  void Detach();
  // Whether the stream was detached, or told that the session is over.
  bool IsOver() const;

  // The journal's part.

  // The session is attached; `is_durable`: a crash can't take back what was applied of it before.
  void Ready(const TrainReady& ready, bool is_durable);
  // A batch with these results is as durable as the model promises, and held no more.
  void Cover(const TrainAck& applied, const Held& held, std::int64_t durable_step);
  // Acknowledges what is not yet, and ends the session.
  void Finish(const absl::Status& status);

  // A crash can no longer take back the batches up to this one.
  void MarkDurable(std::int64_t sequence);

 private:
  // What an acknowledgement covers so far.
  struct Unacknowledged {
    std::int64_t batches = 0;
    TrainAck ack;
  };

  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddToAck(const TrainAck& applied) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  TrainAck TakeAck() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ModelsOptions& options_;
  const std::shared_ptr<WorkQuota> quota_;
  const std::int64_t ack_every_;

  mutable absl::Mutex mutex_;
  std::shared_ptr<TrainObserver> observer_ ABSL_GUARDED_BY(mutex_);  // null once finished or gone
  WorkTicket ticket_ ABSL_GUARDED_BY(mutex_);
  std::int64_t batches_ ABSL_GUARDED_BY(mutex_) = 0;  // held, and what they add up to
  Held held_ ABSL_GUARDED_BY(mutex_);
  bool wants_capacity_ ABSL_GUARDED_BY(mutex_) = false;
  std::int64_t durable_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  Unacknowledged unacknowledged_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WRITING_ACK_WINDOW_H_
