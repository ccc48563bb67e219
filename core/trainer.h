// A network with its state: parameters, optimizer slots and step, and the one way to change them.

#ifndef CORE_TRAINER_H_
#define CORE_TRAINER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/batch.h"
#include "core/batch_measures.h"
#include "core/embeddings/table_updates.h"
#include "core/network.h"
#include "core/optimizers/optimizer.h"
#include "core/snapshot.h"
#include "core/spec.h"
#include "core/thread_pool.h"

namespace descent {

struct UpdateResult {
  std::int64_t step = 0;     // after the update
  double loss = 0;           // of the batch before the update; 0 for given gradients
  double gradient_norm = 0;  // 2-norm over all parameters, before clipping
  double learning_rate = 0;  // as applied
};

// Everything that decides what a trainer does next, besides the network.
struct TrainerState {
  std::int64_t step = 0;               // updates since creation
  std::int64_t optimizer_updates = 0;  // updates the slots have seen: the optimizer's t
  Snapshot parameters;                 // of that step, with the inputs' statistics
  std::vector<Buffer> slots;
  std::vector<double> scalars;
};

// Parameters, slots, the inputs' statistics, scalars and the optimizer's t: equal bits, equal hash.
std::uint64_t StateHash(const TrainerState& state);

// Not thread-safe: one update at a time. Snapshots may be read by any thread meanwhile. An update
// that throws std::bad_alloc has changed nothing.
class Trainer {
 public:
  // A trainer at step 0 with the network's initial parameters. kInvalidArgument for a bad
  // optimizer. `pool` may be null and must outlive the trainer.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(std::shared_ptr<const Network> network,
                                                         const OptimizerSpec& optimizer,
                                                         ThreadPool* pool);
  ~Trainer();

  const Network& network() const { return *network_; }
  const OptimizerSpec& optimizer_spec() const { return optimizer_spec_; }
  std::int64_t step() const { return step_; }

  // One update from a batch that Network::ValidateBatch accepts. `learning_rate` replaces the
  // scheduled one for this update. kFailedPrecondition (NON_FINITE_UPDATE) when the loss, the
  // gradient or a resulting number would not be finite: then nothing has changed.
  absl::StatusOr<UpdateResult> Step(const Batch& batch, std::optional<double> learning_rate = {});

  // How well the network did on the batch that Step took last, before that changed it.
  const BatchMeasures& batch_measures() const { return batch_measures_; }

  // One update from gradients computed elsewhere, laid out by the network's layout up to its
  // dense_size() with zero gaps; and those of the tables, if there are any.
  absl::StatusOr<UpdateResult> ApplyGradients(const Buffer& gradients, const TableGradients& tables,
                                              std::optional<double> learning_rate = {});

  // Replaces all parameters (same layout, zero gaps); counts as one update. Slots and the
  // optimizer's t start afresh unless kept. kInvalidArgument when a value is not finite.
  absl::Status SetParameters(const Buffer& parameters, bool keep_optimizer_state);

  // Changes hyperparameters from the next update on; the step is unchanged. State is kept while the
  // algorithm keeps its slots, and starts afresh otherwise.
  absl::Status SetOptimizer(const OptimizerSpec& optimizer);

  // The parameters as they are now. Holding it never delays training.
  Snapshot snapshot() const { return current_; }

  // As StateHash of GetState(), without the copy.
  std::uint64_t StateHash() const;

  // The state, with the slots copied and the parameters shared; and its inverse: kInvalidArgument
  // when sizes or types do not fit.
  TrainerState GetState() const;
  absl::Status SetState(TrainerState state);

  std::size_t slots() const { return slots_.size(); }

  // Bytes held in parameters and slots, and in what updates reuse between them.
  std::size_t state_byte_size() const;
  std::size_t workspace_byte_size() const;
  // What the next update will add to state_byte_size(), if readers hold all parameters of before.
  std::size_t next_byte_size() const;

  // Frees what can be made again, and parameters of before that nobody reads any more. The next
  // update allocates.
  void FreeUnused();

 private:
  Trainer(std::shared_ptr<const Network> network, ThreadPool* pool);

  // A stretch of the flat buffers that one task updates.
  struct Range {
    std::int64_t begin = 0;
    std::int64_t n = 0;
    bool decay_weights = true;
  };

  void ResetOptimizerState();
  void ReplaceCurrent(Snapshot next);
  void CutRanges();
  bool DecaysWeights(const ParameterInfo& parameter) const;
  // Makes `next` the current snapshot; `gradients` may be its own buffer.
  absl::StatusOr<UpdateResult> Apply(const Buffer& gradients, const TableGradients& tables,
                                     Snapshot next, double loss,
                                     std::optional<double> learning_rate);
  // The rest of it, from where something changes on: an exception here ends the process. Gives
  // back `result`.
  absl::StatusOr<UpdateResult> Write(const StepContext& step, const Buffer& gradients,
                                     const TableGradients& tables, Snapshot next, bool safe,
                                     const UpdateResult& result) noexcept;
  void CopyDense(const Buffer& from, Buffer* to) const;
  template <typename T>
  Magnitudes UpdateAll(const StepContext& step, const Buffer& gradients, Buffer* parameters);

  const std::shared_ptr<const Network> network_;
  ThreadPool* const pool_;
  OptimizerSpec optimizer_spec_;
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<Range> ranges_;
  SnapshotPool snapshots_;

  // The state.
  Snapshot current_;
  std::int64_t step_ = 0;
  std::int64_t optimizer_updates_ = 0;
  std::vector<Buffer> slots_;
  std::vector<double> scalars_;
  Magnitudes magnitudes_;        // of the parameters and slots as they are now
  Magnitudes table_magnitudes_;  // no less than those of the tables and their slots
  BatchMeasures batch_measures_ = {};

  // Memory that updates reuse.
  Workspace workspace_;
  TableGradients table_gradients_;
  TableUpdates table_updates_;
  std::vector<double> norm_scratch_;
  std::vector<Magnitudes> written_;  // one a range
  std::vector<Buffer> slot_backup_;  // without tables; empty unless an update may overflow
  std::vector<double> scalar_backup_;
};

}  // namespace descent

#endif  // CORE_TRAINER_H_
