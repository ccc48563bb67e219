// The batches of one training stream on the model's lane.

#ifndef SERVER_MODELS_WRITING_SESSION_UPDATES_H_
#define SERVER_MODELS_WRITING_SESSION_UPDATES_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "server/models/commands.h"
#include "server/models/training_session.h"
#include "server/models/work/work_quota.h"
#include "server/models/writing/ack_window.h"
#include "server/models/writing/session_table.h"
#include "server/models/writing/writer_lane.h"

namespace descent::models {

// Used by the tasks of the model's lane alone, but for Fail and the window, which are thread-safe.
class SessionUpdates final : public SessionStream,
                             public std::enable_shared_from_this<SessionUpdates> {
 public:
  // `ticket` is held until the session ends.
  SessionUpdates(std::shared_ptr<WriterLane> lane, TrainStart start,
                 std::shared_ptr<TrainObserver> observer, WorkTicket ticket);

  AckWindow& window() { return window_; }

  // Takes the session over from the stream that has it.
  void Attach();
  // Applies a batch that the window holds, if it is the session's next.
  void Apply(TrainBatchCommand command, const AckWindow::Held& held, WorkTicket ticket);
  void End(const absl::Status& status) override;
  void MarkDurable(std::int64_t sequence) override { window_.MarkDurable(sequence); }

  // Ends after everything that was submitted before.
  void Fail(absl::Status status);

 private:
  absl::Status TryAttach();

  const std::shared_ptr<WriterLane> lane_;
  const TrainStart start_;
  SessionState* state_ = nullptr;  // null until attached
  bool ended_ = false;
  AckWindow window_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WRITING_SESSION_UPDATES_H_
