#include "server/store/sqlite/sqlite_journal.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "clock/steady.h"
#include "server/store/format/codec.h"
#include "server/store/sqlite/append_operation.h"
#include "server/store/sqlite/journal_operations.h"

namespace descent::store {
namespace {

// Images that wait to be written hold memory: no more are asked for beyond so much.
constexpr std::int64_t kMostPendingImageBytes = std::int64_t{256} << 20;

// Durability's numbers rise as its promise gets weaker.
bool IsWeaker(Durability a, Durability b) { return a > b; }

}  // namespace

SqliteJournal::SqliteJournal(StoreThread* thread, std::shared_ptr<KeptModel> model,
                             const Start& start)
    : thread_(thread),
      model_(std::move(model)),
      damage_(start.damage),
      durability_(start.durability),
      position_(start.position),
      saved_position_(start.saved_position),
      saved_time_(ToColumn(std::min(ToSteady(start.saved_time), SteadyNow()))),
      step_(start.step) {}

void SqliteJournal::Append(UpdateRecord record, Publish publish, OnStored done) {
  if (!damage_.ok()) {
    std::move(done)(damage_);
    return;
  }
  const Durability before = durability_;
  Durability after = before;
  if (const auto* update = std::get_if<SettingsUpdate>(&record.update)) {
    if (IsWeaker(update->settings.durability, before)) after = update->settings.durability;
  }
  durability_ = after;
  step_ = record.result.step;
  const std::int64_t position = ++position_;
  const bool is_deletion = std::holds_alternative<CheckpointDeletion>(record.update);
  if (before != Durability::kJournal && after == before && !is_deletion && MayCallBack()) {
    const std::int64_t stored =
        before == Durability::kMemory ? step_ : model_->shared.durable_step.load();
    if (publish) std::move(publish)(stored);
    std::move(done)(stored);
    return;
  }
  thread_->Append(std::make_unique<AppendOperation>(
      model_,
      AppendOperation::Change{
          .record = std::move(record), .position = position, .before = before, .after = after},
      std::move(publish), std::move(done)));
}

void SqliteJournal::Sync(OnStored done) {
  if (!damage_.ok()) {
    std::move(done)(damage_);
    return;
  }
  std::optional<std::int64_t> memory_step;
  if (durability_ == Durability::kMemory) memory_step = step_;
  if (MayCallBack()) {
    std::move(done)(memory_step.value_or(model_->shared.durable_step));
    return;
  }
  thread_->Enqueue(std::make_unique<SyncOperation>(model_, memory_step, std::move(done)));
}

void SqliteJournal::Remove(std::optional<AnsweredRequest> request, OnStored done) {
  thread_->Enqueue(std::make_unique<RemoveOperation>(model_, durability_, ++position_,
                                                     std::move(request), std::move(done)));
}

bool SqliteJournal::WantsCheckpoint() const {
  const Durability durability = durability_;
  if (durability == Durability::kMemory || !damage_.ok() || model_->shared.failed ||
      model_->shared.saves > 0 || !thread_->healthy()) {
    return false;
  }
  const std::int64_t pending = thread_->pending_image_bytes();
  if (pending > 0 && pending + model_->shared.state_bytes > kMostPendingImageBytes) return false;
  const SqliteStoreOptions& options = thread_->options();
  if (durability == Durability::kJournal &&
      model_->shared.journal_bytes >=
          std::max(options.checkpoint_journal_bytes, model_->shared.state_bytes.load())) {
    return true;
  }
  return position_ != saved_position_ &&
         SteadyNow() - FromColumn(saved_time_) >= options.checkpoint_interval;
}

void SqliteJournal::SaveCheckpoint(ModelImage image, bool requested, OnSaved done) {
  if (!damage_.ok()) {
    std::move(done)(damage_);
    return;
  }
  const bool raises = IsWeaker(durability_, image.settings.durability);
  if (raises) durability_ = image.settings.durability;
  const absl::Time now = absl::Now();
  saved_position_ = position_.load();
  saved_time_ = ToColumn(SteadyNow());
  const std::int64_t bytes = StateBytes(image.state);
  thread_->pending_image_bytes() += bytes;
  ++model_->shared.saves;
  thread_->Enqueue(std::make_unique<SaveOperation>(
      CheckpointJob{.model = model_,
                    .image = std::move(image),
                    .position = position_,
                    .create_time = FromColumn(ToColumn(now)),
                    .requested = requested,
                    .raises_durability = raises,
                    .done = [thread = thread_, model = model_, bytes,
                             done = std::move(done)](absl::StatusOr<CheckpointInfo> saved) mutable {
                      thread->pending_image_bytes() -= bytes;
                      --model->shared.saves;
                      std::move(done)(std::move(saved));
                    }}));
}

std::shared_ptr<const JournalNumbers> SqliteJournal::numbers() const {
  return {model_, &model_->shared};
}

void SqliteJournal::ListCheckpoints(OnListed done) {
  if (!damage_.ok()) {
    std::move(done)(damage_);
    return;
  }
  thread_->Enqueue(std::make_unique<ListOperation>(model_, std::move(done)));
}

void SqliteJournal::LoadCheckpoint(std::int64_t step, OnLoaded done) {
  if (!damage_.ok()) {
    std::move(done)(damage_);
    return;
  }
  thread_->Enqueue(std::make_unique<LoadOperation>(model_, step, std::move(done)));
}

}  // namespace descent::store
