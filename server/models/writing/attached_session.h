// The stream's end of a training session: takes batches, and has them applied on the model's lane.

#ifndef SERVER_MODELS_WRITING_ATTACHED_SESSION_H_
#define SERVER_MODELS_WRITING_ATTACHED_SESSION_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "server/models/commands.h"
#include "server/models/training_session.h"
#include "server/models/work/work_quota.h"
#include "server/models/writing/session_updates.h"
#include "server/models/writing/writer_lane.h"

namespace descent::models {

class AttachedSession final : public TrainingSession {
 public:
  // Attaches by a task of the lane. `ticket` is held until the session ends.
  AttachedSession(std::shared_ptr<WriterLane> lane, TrainStart start,
                  std::shared_ptr<TrainObserver> observer, WorkTicket ticket);

  bool Submit(TrainBatchCommand command) override;
  void HalfClose() override;
  void Fail(absl::Status status) override;
  void Detach() override;

 private:
  const std::shared_ptr<WriterLane> lane_;
  const std::shared_ptr<SessionUpdates> updates_;
  std::int64_t submitted_ = 0;  // used by Submit alone
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WRITING_ATTACHED_SESSION_H_
