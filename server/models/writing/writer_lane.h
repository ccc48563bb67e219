// The lane on which everything that changes a model runs, one task after another, with what its
// tasks change: the state, where training sessions stand, the answers to be remembered. And what
// follows every change: its commit, and a checkpoint when it is time for one.

#ifndef SERVER_MODELS_WRITING_WRITER_LANE_H_
#define SERVER_MODELS_WRITING_WRITER_LANE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/batch.h"
#include "core/trainer.h"
#include "server/models/requests/answer_log.h"
#include "server/models/state/model_state.h"
#include "server/models/work/lane.h"
#include "server/models/work/memory_budget.h"
#include "server/models/work/resources.h"
#include "server/models/writing/session_table.h"
#include "server/store/store.h"

namespace descent::models {

class WriterLane : public std::enable_shared_from_this<WriterLane> {
 public:
  // sessions: where those stand that were there before.
  WriterLane(Resources* resources, ModelState::Parts parts,
             const std::vector<store::SessionRecord>& sessions);

  // Thread-safe.

  Resources& resources() const { return *resources_; }
  // What the model's updates hold.
  const std::shared_ptr<WorkQuota>& quota() const { return quota_; }
  const std::shared_ptr<Publication>& publication() const { return publication_; }
  // The history for everybody.
  const SharedHistory& shared_history() const { return *state_.shared_history(); }
  // What the store counts of the model's journal; null: nothing.
  const store::JournalNumbers* journal_numbers() const { return state_.journal_numbers().get(); }

  // Runs `task` after those that came before; if it is small and the lane is idle, before
  // returning.
  void Run(MultiplyAdds cost, Task task);
  // Never before returning.
  void Post(Task task) { lane_.Post(std::move(task)); }

  // Saves a checkpoint if there were changes and the store wants one.
  void SaveIfWanted();
  // Saves a checkpoint if a crash could take something back; otherwise does nothing.
  void SaveUnsaved();
  // Frees what the next update can make again if there was none for a while.
  void FreeIfIdle();

  // The lane's tasks only.

  ModelState& state() { return state_; }
  SessionTable& sessions() { return sessions_; }
  AnswerLog& answers() { return answers_; }

  // ABORTED (STEP_MISMATCH) if a step is expected and the model is at another.
  absl::Status CheckStep(std::optional<std::int64_t> expected_step) const;

  // Applies a batch; Commit follows. An error changes nothing: those of the engine, and
  // RESOURCE_EXHAUSTED (BATCH_TOO_LARGE, MEMORY_BUDGET, OUT_OF_MEMORY).
  absl::StatusOr<UpdateResult> Step(const Batch& batch, std::optional<double> learning_rate);

  // Commits what was just applied, calls `done` when it is as durable as the model promises, and
  // saves a checkpoint when it is time for one.
  void Commit(ModelState::Change change, store::OnStored done);

  // The memory of an image of the state. RESOURCE_EXHAUSTED (MEMORY_BUDGET).
  absl::StatusOr<MemoryCharge> ReserveImage() const;
  // The same for an image that has to be made.
  MemoryCharge CountImage() const {
    return resources_->memory->Count(MemoryPurpose::kCheckpoints, state_.ImageBytes());
  }
  // Takes the state's image, which the store writes. requested: somebody asked for it, so it stays
  // until it is deleted.
  void SaveCheckpoint(bool requested, MemoryCharge memory, store::OnSaved done);

 private:
  void SaveIfThereIsMemory();
  // After a checkpoint that made durable what the sessions had sent: their acknowledgements.
  void MarkDurable(std::int64_t step, std::vector<store::SessionRecord> sessions);

  Resources* const resources_;
  const std::shared_ptr<WorkQuota> quota_;

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

}  // namespace descent::models

#endif  // SERVER_MODELS_WRITING_WRITER_LANE_H_
