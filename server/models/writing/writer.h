// The writing half of a model: one lane, on which everything that changes the model runs one after
// another in the order it came.

#ifndef SERVER_MODELS_WRITING_WRITER_H_
#define SERVER_MODELS_WRITING_WRITER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "server/models/requests/answer_log.h"
#include "server/models/requests/idempotent_calls.h"
#include "server/models/requests/remembered.h"
#include "server/models/state/model_state.h"
#include "server/models/training_session.h"
#include "server/models/work/call.h"
#include "server/models/work/lane.h"
#include "server/models/work/resources.h"
#include "server/models/writing/session_table.h"

namespace descent::models {

class Writer : public std::enable_shared_from_this<Writer> {
 public:
  Writer(Resources* resources, ModelState::Parts parts, Remembered remembered);

  // Thread-safe. Outcomes and errors: see Model.
  void Step(StepCommand command, CallContext context, Reply<StepOutcome> reply);
  void SetParameters(SetParametersCommand command, CallContext context,
                     Reply<SetParametersOutcome> reply);
  void Update(UpdateModelCommand command, CallContext context, Reply<ModelInfo> reply);
  void Info(CallContext context, Reply<ModelInfo> reply);
  absl::StatusOr<std::shared_ptr<TrainingSession>> AttachSession(
      TrainStart start, std::shared_ptr<TrainObserver> observer);
  void CreateCheckpoint(CreateCheckpointCommand command, CallContext context,
                        Reply<CheckpointOutcome> reply);
  void ListCheckpoints(ListCheckpointsCommand command, CallContext context,
                       Reply<ListCheckpointsOutcome> reply);
  void RestoreCheckpoint(RestoreCheckpointCommand command, CallContext context,
                         Reply<ModelInfo> reply);
  void DeleteCheckpoint(DeleteCheckpointCommand command, CallContext context,
                        Reply<DeleteCheckpointOutcome> reply);
  void RecordEvaluation(const EvaluateOutcome& outcome);

  // Saves a checkpoint if there were changes and the store wants one.
  void SaveIfWanted();
  // Frees what the next update can make again if there was none for a while.
  void FreeIfIdle();
  // Saves a checkpoint if a crash could take something back; otherwise does nothing.
  void SaveUnsaved();

  // Ends every attached session with `status`, behind the batches it has submitted.
  void EndSessions(absl::Status status);

  // The model is deleted: refuses what is queued with NOT_FOUND, ends its sessions, removes it from
  // the store and calls back. Called at most once.
  void Close(std::optional<store::AnsweredRequest> request, store::OnStored done);

  // The store has failed this model's changes: ends its sessions, frees what only training needs,
  // lets go of the journal and calls back. Reading goes on.
  void Abandon(absl::AnyInvocable<void() &&> done);

  const std::shared_ptr<Publication>& publication() const { return publication_; }

  // For training sessions.
  Resources* resources() const { return resources_; }
  const std::shared_ptr<WorkQuota>& quota() const { return quota_; }
  // Runs `task` on the lane; if it is small and the lane is idle, before returning.
  void Run(MultiplyAdds cost, Task task);

  // The lane's tasks only.
  ModelState& state() { return state_; }
  SessionTable& sessions() { return sessions_; }
  // Commits what was just applied, and saves a checkpoint when it is time for one.
  void Commit(ModelState::Change change, store::OnStored done);

 private:
  // Admits the call and runs `work`, void(Call<Outcome>), on the lane.
  template <typename Outcome, typename Work>
  void Queue(Call<Outcome> call, std::size_t bytes, MultiplyAdds cost, Work work);

  void StepNow(StepCommand command, Call<StepOutcome> call);
  void SetParametersNow(SetParametersCommand command, Call<SetParametersOutcome> call);
  void UpdateNow(UpdateModelCommand command, Call<ModelInfo> call);
  void InfoNow(Call<ModelInfo> call);
  void CreateCheckpointNow(const CreateCheckpointCommand& command, Call<CheckpointOutcome> call);
  void RestoreCheckpointNow(const RestoreCheckpointCommand& command, Call<ModelInfo> call);
  void RestoreNow(const RestoreCheckpointCommand& command,
                  absl::StatusOr<store::LoadedCheckpoint> loaded, Call<ModelInfo> call);
  void DeleteCheckpointNow(const DeleteCheckpointCommand& command,
                           Call<DeleteCheckpointOutcome> call);
  void DeleteNow(const DeleteCheckpointCommand& command,
                 const absl::StatusOr<std::vector<CheckpointInfo>>& listed,
                 Call<DeleteCheckpointOutcome> call);

  // Remembers the answer to a request whose update is in the state.
  template <typename Answer>
  void Remember(const RequestKey& request, std::string_view method, Answer answer);
  void SaveCheckpoint(bool requested, MemoryCharge memory, store::OnSaved done);
  void SaveIfThereIsMemory();
  // The memory of an image of the state; the second for one that has to be made.
  absl::StatusOr<MemoryCharge> ReserveImage() const;
  MemoryCharge CountImage() const {
    return resources_->memory->Count(MemoryPurpose::kCheckpoints, state_.ImageBytes());
  }
  // Behind a checkpoint that made durable what the sessions had sent: their acknowledgements.
  void MarkDurable(std::int64_t step, const std::vector<store::SessionRecord>& sessions);

  absl::StatusOr<UpdateResult> Apply(const StepCommand& command);
  absl::Status CheckStep(const std::optional<std::int64_t>& expected_step) const;
  absl::Status CheckBase(const GradientUpdate& update) const;

  Resources* const resources_;
  const std::shared_ptr<WorkQuota> quota_;
  IdempotentCalls<StepOutcome, SetParametersOutcome, ModelInfo, CheckpointOutcome,
                  DeleteCheckpointOutcome>
      calls_;

  // Used by the lane's tasks alone.
  ModelState state_;
  SessionTable sessions_;
  AnswerLog answers_;

  std::atomic<bool> changed_{false};  // since the last checkpoint was taken
  // Looks of FreeIfIdle since the last update; negative: there is nothing to free.
  std::atomic<int> idle_looks_{-1};
  const std::shared_ptr<Publication> publication_;  // the state's, for any thread
  Lane lane_;
};

template <typename Outcome, typename Work>
void Writer::Queue(Call<Outcome> call, std::size_t bytes, MultiplyAdds cost, Work work) {
  if (!call.Admit(quota_.get(), bytes)) return;
  Run(cost, [self = shared_from_this(), call = std::move(call), work = std::move(work)]() mutable {
    absl::Status status = self->publication_->WriteStatus();
    if (status.ok()) status = call.CheckStillWanted();
    if (status.ok()) {
      work(self.get(), std::move(call));
    } else {
      std::move(call).Answer(std::move(status));
    }
  });
}

template <typename Answer>
void Writer::Remember(const RequestKey& request, std::string_view method, Answer answer) {
  if (request.id.empty()) return;
  answers_.Add({.request = {request.id, request.fingerprint},
                .time = absl::Now(),
                .method = std::string(method),
                .answer = std::move(answer)});
}

}  // namespace descent::models

#endif  // SERVER_MODELS_WRITING_WRITER_H_
