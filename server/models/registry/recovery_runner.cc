#include "server/models/registry/recovery_runner.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "clock/steady.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "server/models/errors.h"

namespace descent::models {
namespace {

constexpr absl::Duration kProgressEvery = absl::Seconds(1);

}  // namespace

struct RecoveryRunner::Run {
  const absl::Time start = SteadyNow();
  RecoveryObserver* observer = nullptr;

  absl::Mutex mutex;
  std::size_t left ABSL_GUARDED_BY(mutex) = 0;
  RecoverySummary summary ABSL_GUARDED_BY(mutex);
  OnRecovered done ABSL_GUARDED_BY(mutex);
  absl::Notification finished;

  // One part less is left: calls `done` after the last one.
  void Finish(const RecoverySummary& part) {
    RecoverySummary total;
    OnRecovered last;
    {
      const absl::MutexLock lock(&mutex);
      summary.recovered += part.recovered;
      summary.quarantined += part.quarantined;
      summary.replayed += part.replayed;
      summary.stopped |= part.stopped;
      summary.duration = SteadyNow() - start;
      if (--left > 0) return;
      total = summary;
      last = std::move(done);
    }
    std::move(last)(total);
    finished.Notify();
  }
};

RecoveryRunner::RecoveryRunner(store::Store* store, ModelTable* table, Resources* resources)
    : store_(store),
      table_(table),
      resources_(resources),
      threads_("recover", resources->options.threads) {}

RecoveryRunner::~RecoveryRunner() { Stop(); }

void RecoveryRunner::Start(std::vector<std::unique_ptr<store::StoredModel>> stored,
                           OnRecovered done, RecoveryObserver* observer) {
  observer_ = observer;
  const auto run = std::make_shared<Run>();
  run_ = run;
  run->observer = observer;
  for (const auto& model : stored) {
    // The store has no name twice.
    table_->Reserve(model->name(), Recovering(model->name(), resources_->options.retry_after))
        .IgnoreError();
  }
  {
    const absl::MutexLock lock(&run->mutex);
    run->left = stored.size() + 1;
    run->done = std::move(done);
  }
  for (std::unique_ptr<store::StoredModel>& model : stored) {
    threads_.Post(
        [this, model = std::move(model), run]() mutable { RecoverStored(model.get(), run.get()); });
  }
  threads_.Post([run] { run->Finish({}); });
}

void RecoveryRunner::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  if (run_ != nullptr) run_->finished.WaitForNotification();
}

void RecoveryRunner::RecoverStored(store::StoredModel* stored, Run* run) {
  const absl::Time start = SteadyNow();
  const std::string name = stored->name();
  const absl::StatusOr<Replayed> replayed = Bring(stored, run->observer);
  const bool stopped = absl::IsCancelled(replayed.status());
  if (run->observer != nullptr && !stopped) {
    run->observer->OnModel(name, replayed.status(), replayed.value_or(Replayed()),
                           SteadyNow() - start);
  }
  RecoverySummary part;
  part.recovered = replayed.ok() ? 1 : 0;
  part.quarantined = replayed.ok() || stopped ? 0 : 1;
  part.replayed = replayed.ok() ? replayed->updates : 0;
  part.stopped = stopped;
  run->Finish(part);
}

absl::StatusOr<Replayed> RecoveryRunner::Bring(store::StoredModel* stored,
                                               RecoveryObserver* observer) {
  const std::string name = stored->name();
  absl::Time reported = SteadyNow();
  const auto progress = [&](std::int64_t replayed) {
    if (observer == nullptr || SteadyNow() < reported + kProgressEvery) return;
    reported = SteadyNow();
    observer->OnProgress(name, replayed, stored->remaining_bytes());
  };
  absl::StatusOr<RecoveredModel> recovered = RecoverModel(stored, resources_, stop_, progress);
  if (recovered.ok()) {
    table_->Fill(name, std::make_shared<Model>(resources_, std::move(recovered->parts),
                                               std::move(recovered->remembered)));
    return recovered->replayed;
  }
  absl::Status status = std::move(recovered).status();
  if (absl::IsCancelled(status)) return status;
  status = WithMetadata(std::move(status), "model", name);
  table_->Quarantine(name, status, stored->TakeJournal());
  return status;
}

void RecoveryRunner::Revive() {
  for (const std::shared_ptr<Model>& model : table_->All()) {
    if (!model->HasFailed()) continue;
    threads_.Post([this, model] {
      absl::Notification abandoned;
      model->Abandon([&abandoned] { abandoned.Notify(); });
      abandoned.WaitForNotification();
      ReviveModel(model->name());
    });
  }
  for (const std::string& name : table_->Suspended()) {
    threads_.Post([this, name] { ReviveModel(name); });
  }
}

void RecoveryRunner::ReviveModel(const std::string& name) {
  if (stop_.load(std::memory_order_relaxed)) return;
  const absl::Time start = SteadyNow();
  const absl::StatusOr<std::unique_ptr<store::StoredModel>> stored = store_->Find(name);
  // Not readable yet: the store will say when it works again, and this is tried again.
  if (!stored.ok()) return;
  RecoveryObserver* const observer = observer_.load();
  const absl::StatusOr<Replayed> replayed = Bring(stored->get(), observer);
  if (observer != nullptr && !absl::IsCancelled(replayed.status())) {
    observer->OnModel(name, replayed.status(), replayed.value_or(Replayed()), SteadyNow() - start);
  }
}

}  // namespace descent::models
