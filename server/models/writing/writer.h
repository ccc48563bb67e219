// The calls that change a model: each is admitted, takes its turn on the writer lane, and is
// answered when what it changed is as durable as the model promises.

#ifndef SERVER_MODELS_WRITING_WRITER_H_
#define SERVER_MODELS_WRITING_WRITER_H_

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
#include "server/models/commands.h"
#include "server/models/reply.h"
#include "server/models/requests/idempotent_calls.h"
#include "server/models/requests/remembered.h"
#include "server/models/training_session.h"
#include "server/models/work/call.h"
#include "server/models/writing/writer_lane.h"

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
  // The parameters of the listed checkpoint of that step. The reply comes on the store's thread.
  void ReadCheckpoint(std::int64_t step, CallContext context, Reply<Snapshot> reply);
  void ListHistory(ListHistoryCommand command, CallContext context,
                   Reply<ListHistoryOutcome> reply);
  void Export(const ExportModelCommand& command, CallContext context,
              Reply<ExportModelOutcome> reply);
  void RestoreCheckpoint(RestoreCheckpointCommand command, CallContext context,
                         Reply<ModelInfo> reply);
  void DeleteCheckpoint(DeleteCheckpointCommand command, CallContext context,
                        Reply<DeleteCheckpointOutcome> reply);

  // What comes round by itself: see WriterLane.
  void SaveIfWanted() { lane_->SaveIfWanted(); }
  void FreeIfIdle() { lane_->FreeIfIdle(); }
  void SaveUnsaved() { lane_->SaveUnsaved(); }

  // Ends every attached session with `status`, after the batches it has submitted.
  void EndSessions(absl::Status status);

  // The model is deleted: refuses what is queued with NOT_FOUND, ends its sessions, removes it from
  // the store and calls back. Called at most once.
  void Close(std::optional<store::AnsweredRequest> request, store::OnStored done);

  // The store has failed this model's changes: ends its sessions, frees what only training needs,
  // lets go of the journal and calls back. Reading goes on.
  void Abandon(absl::AnyInvocable<void() &&> done);

  const std::shared_ptr<Publication>& publication() const { return lane_->publication(); }
  const SharedHistory& shared_history() const { return lane_->shared_history(); }
  // What the model's updates hold, and what the store counts of its journal (null: nothing).
  const WorkQuota& held() const { return *lane_->quota(); }
  const store::JournalNumbers* journal_numbers() const { return lane_->journal_numbers(); }

 private:
  // The lane's tasks only.
  ModelState& state() const { return lane_->state(); }

  // Admits the call and runs `work`, void(Call<Outcome>), on the lane.
  template <typename Outcome, typename Work>
  void Queue(Call<Outcome> call, std::size_t bytes, MultiplyAdds cost, Work work);

  void StepNow(StepCommand command, Call<StepOutcome> call);
  void SetParametersNow(SetParametersCommand command, Call<SetParametersOutcome> call);
  void UpdateNow(UpdateModelCommand command, Call<ModelInfo> call);
  void InfoNow(Call<ModelInfo> call);
  void ExportNow(const ExportModelCommand& command, Call<ExportModelOutcome> call);
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

  absl::StatusOr<UpdateResult> Apply(const StepCommand& command);
  absl::Status CheckBase(const GradientUpdate& update) const;

  const std::shared_ptr<WriterLane> lane_;
  IdempotentCalls<StepOutcome, SetParametersOutcome, ModelInfo, CheckpointOutcome,
                  DeleteCheckpointOutcome>
      calls_;
};

template <typename Outcome, typename Work>
void Writer::Queue(Call<Outcome> call, std::size_t bytes, MultiplyAdds cost, Work work) {
  if (!call.Admit(lane_->quota().get(), bytes)) return;
  lane_->Run(cost,
             [self = shared_from_this(), call = std::move(call), work = std::move(work)]() mutable {
               absl::Status status = self->publication()->WriteStatus();
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
  lane_->answers().Add({.request = {request.id, request.fingerprint},
                        .time = absl::Now(),
                        .method = std::string(method),
                        .answer = std::move(answer)});
}

}  // namespace descent::models

#endif  // SERVER_MODELS_WRITING_WRITER_H_
