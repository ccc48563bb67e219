// The writing half of a model: one lane, on which everything that changes the model runs one after
// another in the order it came.

#ifndef SERVER_MODELS_WRITER_H_
#define SERVER_MODELS_WRITER_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/models/call.h"
#include "server/models/idempotent_calls.h"
#include "server/models/lane.h"
#include "server/models/model_state.h"
#include "server/models/resources.h"
#include "server/models/session_table.h"
#include "server/models/training_session.h"

namespace descent::models {

class Writer : public std::enable_shared_from_this<Writer> {
 public:
  Writer(Resources* resources, ModelState::Parts parts);

  // Thread-safe. Outcomes and errors: see Model.
  void Step(StepCommand command, CallContext context, Reply<StepOutcome> reply);
  void SetParameters(SetParametersCommand command, CallContext context,
                     Reply<SetParametersOutcome> reply);
  void Update(UpdateModelCommand command, CallContext context, Reply<ModelInfo> reply);
  void Info(CallContext context, Reply<ModelInfo> reply);
  absl::StatusOr<std::shared_ptr<TrainingSession>> AttachSession(
      TrainStart start, std::shared_ptr<TrainObserver> observer);

  // Ends every attached session with `status`, behind the batches it has submitted.
  void EndSessions(absl::Status status);

  // The model is deleted: refuses what is queued with NOT_FOUND, ends its sessions, removes it from
  // the store and calls back. Called at most once.
  void Close(store::OnStored done);

  const std::shared_ptr<Publication>& publication() const { return publication_; }

  // For training sessions.
  Resources* resources() const { return resources_; }
  const std::shared_ptr<WorkQuota>& quota() const { return quota_; }
  // Runs `task` on the lane; if it is small and the lane is idle, before returning.
  void Run(MultiplyAdds cost, Task task);

  // The lane's tasks only.
  ModelState& state() { return state_; }
  SessionTable& sessions() { return sessions_; }

 private:
  // Admits the call and runs `work`, void(Call<Outcome>), on the lane.
  template <typename Outcome, typename Work>
  void Queue(Call<Outcome> call, std::size_t bytes, MultiplyAdds cost, Work work);

  void StepNow(StepCommand command, Call<StepOutcome> call);
  void SetParametersNow(SetParametersCommand command, Call<SetParametersOutcome> call);
  void UpdateNow(UpdateModelCommand command, Call<ModelInfo> call);
  void InfoNow(Call<ModelInfo> call);

  absl::StatusOr<UpdateResult> Apply(const StepCommand& command);
  absl::Status CheckStep(const std::optional<std::int64_t>& expected_step) const;
  absl::Status CheckBase(const GradientUpdate& update) const;

  Resources* const resources_;
  const std::shared_ptr<WorkQuota> quota_;
  IdempotentCalls<StepOutcome, SetParametersOutcome, ModelInfo> calls_;

  // Used by the lane's tasks alone.
  ModelState state_;
  SessionTable sessions_;

  const std::shared_ptr<Publication> publication_;  // the state's, for any thread
  Lane lane_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_WRITER_H_
