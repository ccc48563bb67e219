#include "core/trainer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error.h"
#include "core/finite.h"
#include "core/flat_chunks.h"
#include "core/gradient_norm.h"
#include "core/optimizers/kinds.h"
#include "core/schedules/schedule.h"
#include "core/state_hash.h"
#include "core/status_macros.h"
#include "core/update_ranges.h"

namespace descent {
namespace {

// Added to the norm before dividing by it, as PyTorch's clip_grad_norm_ does.
constexpr double kClipNormEpsilon = 1e-6;

absl::Status NonFiniteUpdate(const char* what, const char* advice) {
  return Error(absl::StatusCode::kFailedPrecondition, "NON_FINITE_UPDATE",
               absl::StrCat("the update was refused and nothing changed: ", what,
                            " would not be finite; ", advice),
               {{"what", what}});
}

// Of numbers that the update would have begun with: another learning rate makes them no smaller.
absl::Status NonFiniteStart(const char* what) {
  return NonFiniteUpdate(
      what,
      "the batch's values are too large for the network's data type, or earlier updates have let "
      "the model diverge: scale the values; or restore a checkpoint, or begin anew, and train with "
      "a lower learning rate or clip_norm");
}

absl::Status NonFiniteResult(const char* what) {
  return NonFiniteUpdate(what, "try a lower learning rate, or clip_norm");
}

std::uint64_t HashOf(const Snapshot& snapshot, const std::vector<Buffer>& slots,
                     const std::vector<double>& scalars, std::int64_t optimizer_updates) {
  StateHasher hasher;
  hasher.Add(snapshot.parameters().bytes(), snapshot.parameters().byte_size());
  for (const Buffer& slot : slots) hasher.Add(slot.bytes(), slot.byte_size());
  return hasher.Finish(snapshot.statistics().get(), scalars, optimizer_updates);
}

}  // namespace

std::uint64_t StateHash(const TrainerState& state) {
  return HashOf(state.parameters, state.slots, state.scalars, state.optimizer_updates);
}

Trainer::Trainer(std::shared_ptr<const Network> network, ThreadPool* pool)
    : network_(std::move(network)),
      pool_(pool),
      snapshots_(network_->data_type(), network_->layout().size()),
      table_updates_(&network_->tables()) {}

Trainer::~Trainer() = default;

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(std::shared_ptr<const Network> network,
                                                         const OptimizerSpec& optimizer,
                                                         ThreadPool* pool) {
  DESCENT_CHECK(network != nullptr);
  auto trainer = std::unique_ptr<Trainer>(new Trainer(std::move(network), pool));
  RETURN_IF_ERROR(trainer->SetOptimizer(optimizer));
  Snapshot first = trainer->snapshots_.Acquire(0);
  trainer->network_->Initialize(pool, SnapshotPool::mutable_parameters(first));
  if (trainer->network_->normalizes_inputs()) {
    SnapshotPool::SetStatistics(
        first, std::make_shared<const InputStatistics>(trainer->network_->input_features()));
  }
  trainer->ReplaceCurrent(std::move(first));
  return trainer;
}

// Takes parameters that no update has made.
void Trainer::ReplaceCurrent(Snapshot next) {
  current_ = std::move(next);
  magnitudes_.parameters = LargestMagnitude(current_.parameters());
  if (network_->tables().empty()) return;
  table_magnitudes_.parameters = magnitudes_.parameters;
  table_updates_.NoteReplacement();
}

absl::Status Trainer::SetOptimizer(const OptimizerSpec& optimizer) {
  RETURN_IF_ERROR(ValidateOptimizerSpec(optimizer));
  ASSIGN_OR_RETURN(std::unique_ptr<Optimizer> created, MakeOptimizer(optimizer.algorithm));
  const bool keep = optimizer_ != nullptr &&
                    optimizer.algorithm.index() == optimizer_spec_.algorithm.index() &&
                    std::ranges::equal(created->slot_names(), optimizer_->slot_names());
  optimizer_ = std::move(created);
  optimizer_spec_ = optimizer;
  if (!keep) ResetOptimizerState();
  CutRanges();
  return absl::OkStatus();
}

void Trainer::ResetOptimizerState() {
  DESCENT_CHECK(optimizer_->slot_names().size() <= kMaxSlots);
  std::vector<Buffer> slots;
  std::vector<double> scalars;
  double largest = 0;
  for (int i = 0; i < static_cast<int>(optimizer_->slot_names().size()); ++i) {
    Buffer& slot = slots.emplace_back(network_->data_type(), network_->layout().size());
    const double initial = optimizer_->InitialSlotValue(i);
    if (initial == 0) continue;
    for (std::int64_t j = 0; j < slot.size(); ++j) slot.Set(j, initial);
    largest = std::max(largest, std::abs(initial));
  }
  for (int i = 0; i < static_cast<int>(optimizer_->scalar_names().size()); ++i) {
    scalars.push_back(optimizer_->InitialScalarValue(i));
  }
  // Nothing throws from here on.
  optimizer_updates_ = 0;
  slots_ = std::move(slots);
  slot_backup_.clear();
  scalars_ = std::move(scalars);
  magnitudes_.slots = largest;
  table_magnitudes_.slots = largest;
}

void Trainer::CutRanges() {
  ranges_.clear();
  // Tables, the last of them, are updated row by row.
  auto parameters = network_->layout().parameters();
  parameters.remove_suffix(network_->tables().size());
  const std::int64_t end = network_->layout().dense_size();
  for (std::size_t i = 0; i < parameters.size();) {
    // Neighbours that decay alike form one stretch, gaps included.
    const bool decay = DecaysWeights(parameters[i]);
    const std::int64_t begin = parameters[i].offset;
    while (i < parameters.size() && DecaysWeights(parameters[i]) == decay) ++i;
    const std::int64_t stop = i < parameters.size() ? parameters[i].offset : end;
    for (std::int64_t at = begin; at < stop; at += kFlatChunk) {
      ranges_.push_back({at, std::min(kFlatChunk, stop - at), decay});
    }
  }
  written_.resize(ranges_.size());
}

bool Trainer::DecaysWeights(const ParameterInfo& parameter) const {
  return !(parameter.is_per_unit && optimizer_spec_.exclude_bias_from_weight_decay);
}

absl::StatusOr<UpdateResult> Trainer::Step(const Batch& batch,
                                           std::optional<double> learning_rate) {
  const Buffer& parameters = current_.parameters();
  std::shared_ptr<const InputStatistics> statistics =
      network_->MergeStatistics(current_.statistics(), batch.inputs);
  if (statistics != nullptr && !statistics->IsFinite()) {
    return NonFiniteStart("the statistics of the inputs");
  }
  network_->Forward(parameters, batch.inputs,
                    {.pool = pool_,
                     .statistics = statistics.get(),
                     .categories = &batch.categories,
                     .training_step = step_},
                    &workspace_);
  const double loss = network_->EvaluateLoss(batch.targets, batch.weights, &workspace_);
  if (!std::isfinite(loss)) return NonFiniteStart("the loss");
  batch_measures_ =
      MeasureBatch(*network_, workspace_.outputs(), batch.targets, batch.weights, loss);
  // The gradient is left where the next parameters will be: the optimizer reads each element of it
  // before it writes that element.
  Snapshot next = snapshots_.Acquire(step_ + 1);
  Buffer* const gradients = SnapshotPool::mutable_parameters(next);
  network_->Backward(parameters, batch.inputs, pool_, &workspace_, gradients,
                     /*input_gradient=*/nullptr);
  if (!network_->tables().empty()) {
    network_->BackwardTables(batch.categories, pool_, &workspace_, &table_gradients_);
  }
  SnapshotPool::SetStatistics(next, std::move(statistics));
  return Apply(*gradients, table_gradients_, std::move(next), loss, learning_rate);
}

absl::StatusOr<UpdateResult> Trainer::ApplyGradients(const Buffer& gradients,
                                                     const TableGradients& tables,
                                                     std::optional<double> learning_rate) {
  DESCENT_CHECK(gradients.type() == network_->data_type());
  DESCENT_CHECK(gradients.size() == network_->layout().dense_size());
  Snapshot next = snapshots_.Acquire(step_ + 1);
  SnapshotPool::SetStatistics(next, current_.statistics());
  return Apply(gradients, tables, std::move(next), /*loss=*/0, learning_rate);
}

absl::StatusOr<UpdateResult> Trainer::Apply(const Buffer& gradients, const TableGradients& tables,
                                            Snapshot next, double loss,
                                            std::optional<double> learning_rate) {
  const double norm = GradientNorm(gradients, network_->layout().dense_size(), tables.values, pool_,
                                   &norm_scratch_);
  if (!std::isfinite(norm)) return NonFiniteStart("the gradient");

  const StepContext step{
      .t = optimizer_updates_ + 1,
      .learning_rate = learning_rate.value_or(
          LearningRateAt(optimizer_spec_.schedule, optimizer_spec_.learning_rate, step_)),
      .gradient_scale = optimizer_spec_.clip_norm.has_value()
                            ? std::min(1.0, *optimizer_spec_.clip_norm / (norm + kClipNormEpsilon))
                            : 1.0,
      .clip_value = optimizer_spec_.clip_value.value_or(0)};

  // Whatever needs memory is here, before anything is changed.
  //
  // The new parameters go into another buffer, so giving up on them costs nothing. The slots are
  // updated in place, but for those of tables: they are copied first unless the update provably
  // stays finite.
  const bool safe = optimizer_->StaysFinite(
      {.parameters = std::max(magnitudes_.parameters, table_magnitudes_.parameters),
       .slots = std::max(magnitudes_.slots, table_magnitudes_.slots),
       .gradient = norm,
       .learning_rate = step.learning_rate});
  slot_backup_.clear();
  if (!safe) {
    for (const Buffer& slot : slots_) {
      slot_backup_.push_back(Buffer::ForOverwrite(slot.type(), network_->layout().dense_size()));
      CopyDense(slot, &slot_backup_.back());
    }
  }
  scalar_backup_ = scalars_;
  if (!network_->tables().empty()) {
    table_updates_.Reserve(tables, slots_.size());
    std::int64_t* const held = SnapshotPool::tables_version(next);
    table_updates_.BringUp(current_.parameters(), network_->layout().dense_size(), *held,
                           SnapshotPool::mutable_parameters(next));
    *held = table_updates_.version();
  }
  return Write(step, gradients, tables, std::move(next), safe,
               {.step = step_ + 1,
                .loss = loss,
                .gradient_norm = norm,
                .learning_rate = step.learning_rate});
}

absl::StatusOr<UpdateResult> Trainer::Write(const StepContext& step, const Buffer& gradients,
                                            const TableGradients& tables, Snapshot next, bool safe,
                                            const UpdateResult& result) noexcept {
  optimizer_->AdvanceScalars(step, scalars_);

  Buffer* const parameters = SnapshotPool::mutable_parameters(next);
  const Magnitudes written = WithElementType(network_->data_type(), [&](auto zero) {
    return UpdateAll<decltype(zero)>(step, gradients, parameters);
  });
  const bool has_tables = !network_->tables().empty();
  Magnitudes in_tables;
  if (has_tables) {
    in_tables = table_updates_.Compute(*optimizer_, step, scalars_, tables, current_.parameters(),
                                       slots_, pool_);
  }
  if (!std::isfinite(written.parameters) || !std::isfinite(written.slots) ||
      !std::isfinite(in_tables.parameters) || !std::isfinite(in_tables.slots)) {
    DESCENT_CHECK(!safe);
    for (std::size_t i = 0; i < slots_.size(); ++i) CopyDense(slot_backup_[i], &slots_[i]);
    scalars_ = scalar_backup_;
    // The gaps between tensors are no numbers either, and have to be zero for the buffer's next
    // use.
    std::memset(
        parameters->bytes(), 0,
        static_cast<std::size_t>(network_->layout().dense_size()) * ByteWidth(parameters->type()));
    return NonFiniteResult(std::isfinite(written.parameters) && std::isfinite(in_tables.parameters)
                               ? "the optimizer's state"
                               : "a parameter");
  }
  magnitudes_ = written;
  if (has_tables) {
    table_updates_.Write(tables, parameters, &slots_);
    *SnapshotPool::tables_version(next) = table_updates_.version();
    table_magnitudes_.parameters = std::max(table_magnitudes_.parameters, in_tables.parameters);
    table_magnitudes_.slots = std::max(table_magnitudes_.slots, in_tables.slots);
  }
  current_ = std::move(next);
  ++step_;
  ++optimizer_updates_;
  return result;
}

// What lies before the tables.
void Trainer::CopyDense(const Buffer& from, Buffer* to) const {
  if (network_->layout().dense_size() == 0) return;
  std::memcpy(to->bytes(), from.bytes(),
              static_cast<std::size_t>(network_->layout().dense_size()) * ByteWidth(from.type()));
}

template <typename T>
Magnitudes Trainer::UpdateAll(const StepContext& step, const Buffer& gradients,
                              Buffer* parameters) {
  const T* const old_parameters = current_.parameters().data<T>();
  const auto update = [&](std::int64_t i) {
    const Range& range = ranges_[static_cast<std::size_t>(i)];
    std::array<T*, kMaxSlots> slots{};
    for (std::size_t s = 0; s < slots_.size(); ++s) slots[s] = slots_[s].data<T>() + range.begin;
    const UpdateRange<T> elements{.parameters = old_parameters + range.begin,
                                  .gradient = gradients.data<T>() + range.begin,
                                  .new_parameters = parameters->data<T>() + range.begin,
                                  .slots = slots.data(),
                                  .n = range.n,
                                  .decay_weights = range.decay_weights};
    written_[static_cast<std::size_t>(i)] = optimizer_->Update(step, scalars_, elements);
  };
  RunFlatTasks(network_->layout().dense_size(), static_cast<std::int64_t>(ranges_.size()), pool_,
               update);
  return LargestOf(written_);
}

absl::Status Trainer::SetParameters(const Buffer& parameters, bool keep_optimizer_state) {
  DESCENT_CHECK(parameters.type() == network_->data_type());
  DESCENT_CHECK(parameters.size() == network_->layout().size());
  if (const std::int64_t i = FirstNonFinite(parameters); i >= 0) {
    return InvalidField("parameters",
                        absl::StrCat("expected finite values, got ", parameters.At(i)), {},
                        "NON_FINITE_VALUE");
  }
  Snapshot next = snapshots_.Acquire(step_ + 1);
  std::memcpy(SnapshotPool::mutable_parameters(next)->bytes(), parameters.bytes(),
              parameters.byte_size());
  SnapshotPool::SetStatistics(next, current_.statistics());
  if (!keep_optimizer_state) ResetOptimizerState();
  ReplaceCurrent(std::move(next));
  ++step_;
  return absl::OkStatus();
}

std::uint64_t Trainer::StateHash() const {
  return HashOf(current_, slots_, scalars_, optimizer_updates_);
}

TrainerState Trainer::GetState() const {
  TrainerState state{.step = step_,
                     .optimizer_updates = optimizer_updates_,
                     .parameters = current_,
                     .slots = {},
                     .scalars = scalars_};
  for (const Buffer& slot : slots_) state.slots.push_back(slot.Clone());
  return state;
}

absl::Status Trainer::SetState(TrainerState state) {
  const auto fits = [this](const Buffer& buffer) {
    return buffer.type() == network_->data_type() && buffer.size() == network_->layout().size();
  };
  const auto statistics_fit = [this](const InputStatistics* statistics) {
    return network_->normalizes_inputs()
               ? statistics != nullptr && statistics->features() == network_->input_features()
               : statistics == nullptr;
  };
  if (!state.parameters || !fits(state.parameters.parameters()) ||
      !statistics_fit(state.parameters.statistics().get()) ||
      state.parameters.step() != state.step || state.slots.size() != slots_.size() ||
      !std::ranges::all_of(state.slots, fits) || state.scalars.size() != scalars_.size()) {
    return Error(absl::StatusCode::kInvalidArgument, "STATE_MISMATCH",
                 "the state does not fit this network and optimizer");
  }
  ReplaceCurrent(std::move(state.parameters));
  slots_ = std::move(state.slots);
  scalars_ = std::move(state.scalars);
  step_ = state.step;
  optimizer_updates_ = state.optimizer_updates;
  magnitudes_.slots = 0;
  for (const Buffer& slot : slots_) {
    magnitudes_.slots = std::max(magnitudes_.slots, LargestMagnitude(slot));
  }
  table_magnitudes_.slots = magnitudes_.slots;
  return absl::OkStatus();
}

std::size_t Trainer::state_byte_size() const {
  std::size_t bytes = current_.parameters().capacity() *
                      (static_cast<std::size_t>(snapshots_.buffers()) + slots_.size());
  for (const Buffer& kept : slot_backup_) bytes += kept.capacity();
  return bytes;
}

std::size_t Trainer::workspace_byte_size() const {
  return workspace_.byte_size() + norm_scratch_.capacity() * sizeof(double) +
         table_gradients_.byte_size() + table_updates_.byte_size();
}

std::size_t Trainer::next_byte_size() const {
  return snapshots_.free_buffers() > 0 ? 0 : current_.parameters().capacity();
}

void Trainer::FreeUnused() {
  // As many as a model that trains while it is read has use for.
  constexpr std::int64_t kUsualBuffers = 3;
  workspace_ = Workspace();
  table_gradients_ = TableGradients();
  table_updates_.FreeUnused();
  slot_backup_ = std::vector<Buffer>();
  snapshots_.TrimTo(kUsualBuffers);
}

}  // namespace descent
