// The training session that a model's lane runs.

#ifndef SERVER_MODELS_WRITING_ATTACHED_SESSION_H_
#define SERVER_MODELS_WRITING_ATTACHED_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/trainer.h"
#include "server/models/training_session.h"
#include "server/models/work/work_quota.h"
#include "server/models/writing/session_table.h"
#include "server/models/writing/writer.h"

namespace descent::models {

// Every call to the observer but OnCapacity is made from a callback of the model's journal, which
// come one at a time and in order: that alone keeps acknowledgements behind the commits they
// report.
class AttachedSession final : public TrainingSession,
                              public std::enable_shared_from_this<AttachedSession> {
 public:
  // `ticket` is held until the session ends.
  AttachedSession(std::shared_ptr<Writer> writer, TrainStart start,
                  std::shared_ptr<TrainObserver> observer, WorkTicket ticket);

  bool Submit(TrainBatchCommand command) override;
  void HalfClose() override;
  void Fail(absl::Status status) override;
  void Detach() override;

  // The lane's tasks only: takes the session over from the stream that has it.
  void AttachNow();
  // A crash can no longer take back the batches up to this one.
  void MarkDurable(std::int64_t sequence);
  // The lane's tasks only: applies nothing more, acknowledges what was applied, finishes.
  void End(const absl::Status& status);

 private:
  // What a batch adds to what is held.
  struct Held {
    std::size_t bytes = 0;
    std::int64_t multiply_adds = 0;
  };

  // What an acknowledgement covers so far.
  struct Unacknowledged {
    std::int64_t batches = 0;
    TrainAck ack;
  };

  absl::Status TryAttach();
  void TakeNextTurn();
  void ApplyNow(TrainBatchCommand command, const Held& held, WorkTicket ticket);
  absl::StatusOr<UpdateResult> Apply(const TrainBatchCommand& command);

  // From the journal: a batch with these results is as durable as the model promises.
  void OnStored(const TrainAck& applied, const Held& held, WorkTicket ticket,
                const absl::StatusOr<std::int64_t>& durable_step);
  void Finish(const absl::Status& status);

  // Adds a batch with these results to the next acknowledgement.
  void Cover(const TrainAck& applied) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  TrainAck TakeAck() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasCapacity() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsDetached() const;

  const std::shared_ptr<Writer> writer_;
  const TrainStart start_;
  const std::int64_t ack_every_;

  std::int64_t submitted_ = 0;  // used by Submit alone

  // Used by the lane's tasks alone.
  SessionState* state_ = nullptr;  // null until attached
  bool ended_ = false;

  mutable absl::Mutex mutex_;
  std::shared_ptr<TrainObserver> observer_ ABSL_GUARDED_BY(mutex_);  // null once finished or gone
  WorkTicket ticket_ ABSL_GUARDED_BY(mutex_);
  std::int64_t held_ ABSL_GUARDED_BY(mutex_) = 0;
  Held held_work_ ABSL_GUARDED_BY(mutex_);
  bool wants_capacity_ ABSL_GUARDED_BY(mutex_) = false;
  std::int64_t durable_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  Unacknowledged unacknowledged_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WRITING_ATTACHED_SESSION_H_
