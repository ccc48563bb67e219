#include "server/models/state/model_state.h"

#include <utility>

#include "absl/time/clock.h"
#include "server/models/work/model_bytes.h"

namespace descent::models {
namespace {

// Steps from one state hash in the journal to the next. A hash reads the whole state, which costs
// less than one step of dense layers does. A step of tables reads few of their rows: so many bytes
// of them are hashed in a hundredth of the time that as many steps of small batches take.
constexpr std::int64_t kHashEvery = 1024;
constexpr std::size_t kTableBytesOfAHash = std::size_t{8} << 20;

std::int64_t HashEvery(const Trainer& trainer) {
  const ParameterLayout& layout = trainer.network().layout();
  const std::size_t table_bytes = static_cast<std::size_t>(layout.size() - layout.dense_size()) *
                                  ByteWidth(trainer.network().data_type()) * (1 + trainer.slots());
  return kHashEvery * static_cast<std::int64_t>(1 + table_bytes / kTableBytesOfAHash);
}

}  // namespace

ModelState::ModelState(Parts parts)
    : publication_(std::make_shared<Publication>(
          parts.model.network(), parts.model.settings(), parts.create_time,
          parts.model.trainer().snapshot(),
          Publication::Progress{.step = parts.model.step(),
                                .durable_step = parts.model.step(),
                                .last_loss = parts.model.last_loss(),
                                .gradient_norm = parts.model.gradient_norm(),
                                .update_time = parts.update_time})),
      model_(std::move(parts.model)),
      shared_history_(model_.shared_history()),
      journal_(std::move(parts.journal)),
      journal_numbers_(journal_ == nullptr ? nullptr : journal_->numbers()),
      update_time_(parts.update_time) {
  CountMemory();
}

void ModelState::CountMemory() {
  publication_->counters().memory_bytes.store(model_.memory_bytes(), std::memory_order_relaxed);
}

void ModelState::Count(const Change& change) {
  CountMemory();
  if (!std::holds_alternative<store::BatchUpdate>(change.update) &&
      !std::holds_alternative<store::GradientsUpdate>(change.update)) {
    return;
  }
  AddTo<std::uint64_t>(&publication_->counters().updates, 1);
  AddTo(&publication_->counters().trained_rows, static_cast<std::uint64_t>(change.rows));
}

void ModelState::Commit(Change change, store::OnStored done) {
  update_time_ = absl::Now();
  model_.Record(change.update, update_time_, change.result, change.rows);
  Count(change);
  Publication::Progress progress{.step = step(),
                                 .last_loss = model_.last_loss(),
                                 .gradient_norm = model_.gradient_norm(),
                                 .update_time = update_time_};
  std::shared_ptr<const ModelSettings> settings;
  if (std::holds_alternative<store::SettingsUpdate>(change.update)) {
    settings = std::make_shared<const ModelSettings>(model_.settings());
  }
  const bool hashed = model_.settings().durability == Durability::kJournal &&
                      change.result.step % HashEvery(model_.trainer()) == 0;
  journal_->Append(
      {.time = update_time_,
       .update = std::move(change.update),
       .session = std::move(change.session),
       .request = std::move(change.request),
       .result = change.result,
       .rows = change.rows,
       .state_hash = hashed ? std::optional(model_.trainer().StateHash()) : std::nullopt},
      [publication = publication_, snapshot = model_.trainer().snapshot(), progress,
       settings = std::move(settings)](std::int64_t durable_step) mutable {
        progress.durable_step = durable_step;
        publication->Publish(std::move(snapshot), progress, std::move(settings));
      },
      [publication = publication_,
       done = std::move(done)](absl::StatusOr<std::int64_t> durable_step) mutable {
        if (!durable_step.ok()) publication->Fail(durable_step.status());
        std::move(done)(std::move(durable_step));
      });
}

void ModelState::Sync(store::OnStored done) {
  if (journal_ == nullptr) {
    std::move(done)(publication_->Describe().durable_step);
    return;
  }
  journal_->Sync(std::move(done));
}

void ModelState::FreeUnused() {
  model_.FreeUnused();
  CountMemory();
}

void ModelState::Remove(std::optional<store::AnsweredRequest> request, store::OnStored done) {
  model_.Release();
  CountMemory();
  if (journal_ == nullptr) {
    std::move(done)(publication_->WriteStatus());
    return;
  }
  std::exchange(journal_, nullptr)->Remove(std::move(request), std::move(done));
}

void ModelState::Abandon() {
  model_.Release();
  CountMemory();
  journal_.reset();
}

store::ModelImage ModelState::Image() const {
  return {.settings = model_.settings(),
          .state = model_.trainer().GetState(),
          .last_loss = model_.last_loss(),
          .update_time = update_time_,
          .history = model_.history(),
          .sessions = {},
          .answers = {}};
}

std::size_t ModelState::ImageBytes() const {
  const std::size_t copy =
      static_cast<std::size_t>(network().layout().size()) * ByteWidth(network().data_type());
  return model_.trainer().slots() * copy + SettingsBytes(model_.settings()) +
         model_.history().points.size() * sizeof(store::HistoryPoint);
}

ModelInfo ModelState::Describe() const {
  return models::Describe(model_, publication_->create_time(), update_time_);
}

}  // namespace descent::models
