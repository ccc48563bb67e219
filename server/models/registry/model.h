// A live model: one writer lane that applies updates one after another, and readers on immutable
// snapshots that never wait for it.
//
// Every call returns without waiting for compute, except that small work is done on the calling
// thread when nothing is ahead of it (ModelsOptions::inline_multiply_adds); so a reply may come
// before the call returns. No lock is held during a reply.
//
// Errors that any call may answer with: RESOURCE_EXHAUSTED (QUEUE_FULL), DEADLINE_EXCEEDED and
// CANCELLED while the work has not begun, UNAVAILABLE (DRAINING), NOT_FOUND (MODEL_NOT_FOUND) when
// the model was deleted meanwhile.

#ifndef SERVER_MODELS_REGISTRY_MODEL_H_
#define SERVER_MODELS_REGISTRY_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/network.h"
#include "server/models/commands.h"
#include "server/models/evaluation.h"
#include "server/models/reply.h"
#include "server/models/requests/remembered.h"
#include "server/models/state/model_state.h"
#include "server/models/statistics.h"
#include "server/models/training_session.h"

namespace descent::models {

class OldVersions;
class Reader;
class Writer;
struct Resources;

// Thread-safe.
class Model {
 public:
  Model(Resources* resources, ModelState::Parts parts, Remembered remembered = {});
  ~Model();

  const std::string& name() const;
  const std::shared_ptr<const Network>& network() const;
  // As they are now: UpdateModel may change all but name and network.
  ModelSettings settings() const;

  // Updates. They are applied in the order of the calls and answered when they are as durable as
  // the model's Durability promises. A repeat of a request id with the same fingerprint gets the
  // first answer, also while that is still being worked out, and ALREADY_EXISTS
  // (REQUEST_ID_REUSED) with another fingerprint.

  // One update. ABORTED (STEP_MISMATCH) when the model is not at expected_step, ABORTED
  // (STALE_GRADIENTS) when more than max_staleness updates came after base_step,
  // INVALID_ARGUMENT when base_step lies ahead, FAILED_PRECONDITION (NON_FINITE_UPDATE): nothing
  // has changed then.
  void Step(StepCommand command, CallContext context, Reply<StepOutcome> reply);

  // Replaces the named parameters; counts as one update. Errors as Step's.
  void SetParameters(SetParametersCommand command, CallContext context,
                     Reply<SetParametersOutcome> reply);

  // Changes what is set in the command; does not count as an update.
  void Update(UpdateModelCommand command, CallContext context, Reply<ModelInfo> reply);

  // Checkpoints. Create answers when the checkpoint is whole and durable; restoring and deleting
  // are updates in that they take their turn and are answered when they will last, but only
  // restoring moves the step: to that of the checkpoint. NOT_FOUND (CHECKPOINT_NOT_FOUND),
  // DATA_LOSS when the checkpoint fails its checks, ABORTED (STEP_MISMATCH). Restoring ends the
  // attached sessions with ABORTED (MODEL_RESTORED); their positions are the checkpoint's then.
  void CreateCheckpoint(CreateCheckpointCommand command, CallContext context,
                        Reply<CheckpointOutcome> reply);
  void ListCheckpoints(ListCheckpointsCommand command, CallContext context,
                       Reply<ListCheckpointsOutcome> reply);
  // Behind the updates before it, and answered when these will last: nothing in it is taken back.
  void ListHistory(ListHistoryCommand command, CallContext context,
                   Reply<ListHistoryOutcome> reply);
  // The model as it is behind the updates before, answered when these will last.
  void Export(const ExportModelCommand& command, CallContext context,
              Reply<ExportModelOutcome> reply);
  void RestoreCheckpoint(RestoreCheckpointCommand command, CallContext context,
                         Reply<ModelInfo> reply);
  void DeleteCheckpoint(DeleteCheckpointCommand command, CallContext context,
                        Reply<DeleteCheckpointOutcome> reply);

  // Attaches a stream to the session of that id; a stream that was attached before is cut off with
  // ABORTED. The observer's OnReady may come before this returns.
  absl::StatusOr<std::shared_ptr<TrainingSession>> AttachSession(
      TrainStart start, std::shared_ptr<TrainObserver> observer);

  // Reads. Each sees the parameters of one published step, whole.

  void Predict(PredictCommand command, CallContext context, Reply<PredictOutcome> reply);
  // By the parameters of the checkpoint of that step, which is read when it is asked for first.
  // NOT_FOUND (CHECKPOINT_NOT_FOUND), DATA_LOSS when it fails its checks.
  void PredictAt(std::int64_t step, PredictCommand command, CallContext context,
                 Reply<PredictOutcome> reply);
  void Forward(ForwardCommand command, CallContext context, Reply<ForwardOutcome> reply);
  void Gradient(GradientCommand command, CallContext context, Reply<GradientOutcome> reply);
  // parameters: indices into the layout, in the order of the answer; empty: all.
  void GetParameters(std::vector<int> parameters, CallContext context,
                     Reply<GetParametersOutcome> reply);
  std::shared_ptr<Evaluation> BeginEvaluation();

  // Describes the model. The state hash takes a look at every parameter, so Info takes its place
  // among the updates; Describe is immediate and leaves state_hash 0.
  void Info(CallContext context, Reply<ModelInfo> reply);
  ModelInfo Describe() const;
  // Immediate too, and takes no longer however large the model is. All but the condition.
  ModelStatistics Statistics() const;
  // The history up to the published step: immediate, and no error; see ListHistory.
  std::vector<HistoryPoint> PublishedHistory() const;

  // For the registry.

  // See Writer.
  void EndSessions(absl::Status status);
  void Close(std::optional<store::AnsweredRequest> request, store::OnStored done);
  void SaveIfWanted();
  void FreeIfIdle();
  void SaveUnsaved();
  void Abandon(absl::AnyInvocable<void() &&> done);
  // Whether the store has failed its changes.
  bool HasFailed() const;

 private:
  const std::shared_ptr<Writer> writer_;
  const std::unique_ptr<Reader> reader_;
  const std::shared_ptr<OldVersions> old_versions_;
};

}  // namespace descent::models

#endif  // SERVER_MODELS_REGISTRY_MODEL_H_
