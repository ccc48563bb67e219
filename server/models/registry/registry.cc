#include "server/models/registry/registry.h"

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "clock/steady.h"
#include "core/error.h"
#include "core/exceptions.h"
#include "core/status_macros.h"
#include "core/thread_name.h"
#include "core/trainer.h"
#include "server/models/errors.h"
#include "server/models/list_pages.h"
#include "server/models/registry/model_table.h"
#include "server/models/registry/open_backups.h"
#include "server/models/requests/answer_log.h"
#include "server/models/requests/durable_answers.h"
#include "server/models/requests/idempotent_calls.h"
#include "server/models/work/call.h"
#include "server/models/work/lane.h"
#include "server/models/work/model_bytes.h"
#include "server/models/work/resources.h"
#include "server/store/memory_store.h"

namespace descent::models {
namespace {

// How often models are asked whether it is time for a checkpoint, beside their own looks after each
// update.
constexpr absl::Duration kCheckpointTimer = absl::Seconds(1);

// Each is a file as large as the store.
constexpr int kMostBackups = 4;

// Everything of a new model but its journal.
absl::StatusOr<ModelState::Parts> MakeParts(CreateModelCommand command, Resources* resources) {
  ASSIGN_OR_RETURN(TrainedModel model,
                   TrainedModel::Create(std::move(command.settings), resources->memory.get(),
                                        &resources->update_pool));
  const absl::Time now = absl::Now();
  return ModelState::Parts{
      .model = std::move(model), .create_time = now, .update_time = now, .journal = nullptr};
}

// The same of a model that comes from elsewhere. Nothing is kept of it yet, whatever the settings
// say.
absl::StatusOr<ModelState::Parts> MakeParts(ImportModelCommand command, Resources* resources) {
  const absl::Time now = absl::Now();
  command.settings.durability = Durability::kMemory;
  ASSIGN_OR_RETURN(TrainedModel model,
                   TrainedModel::Create({.settings = std::move(command.settings),
                                         .state = std::move(command.state),
                                         .last_loss = command.last_loss,
                                         .update_time = now,
                                         .history = {},
                                         .sessions = {},
                                         .answers = {}},
                                        resources->memory.get(), &resources->update_pool));
  return ModelState::Parts{
      .model = std::move(model), .create_time = now, .update_time = now, .journal = nullptr};
}

}  // namespace

// Models are made and removed one after another, on a lane of their own.
class Registry::Impl {
 public:
  Impl(const ModelsOptions& options, std::unique_ptr<store::Store> store)
      : store_(std::move(store)),
        resources_(options),
        quota_(WorkQuota::Create("created and deleted models", resources_.UpdatesPerModel(),
                                 resources_.work)),
        calls_(options.request_window, options.request_window_age, options.request_window_bytes,
               resources_.ForAnswers()),
        lane_(&resources_.writers),
        backups_(kMostBackups, &resources_.readers),
        recovery_runner_(store_.get(), &table_, &resources_),
        checkpoint_timer_([this] { WatchCheckpoints(); }) {
    store_->NotifyStatus([this](const absl::Status& status) {
      if (status.ok()) recovery_runner_.Revive();
      const absl::MutexLock lock(&on_storage_mutex_);
      if (on_storage_) on_storage_(status);
    });
  }

  ~Impl() {
    {
      const absl::MutexLock lock(&stopping_mutex_);
      stopping_ = true;
      stop_.SignalAll();
    }
    checkpoint_timer_.join();
    recovery_runner_.Stop();
    store_->NotifyStatus(nullptr);
  }

  void Create(CreateModelCommand command, Call<ModelInfo> call) {
    Queue(std::move(call), [this, command = std::move(command)](Call<ModelInfo> admitted) mutable {
      CreateNow(std::move(command), std::move(admitted));
    });
  }

  void Import(ImportModelCommand command, Call<ModelInfo> call) {
    Queue(std::move(call), [this, command = std::move(command)](Call<ModelInfo> admitted) mutable {
      ImportNow(std::move(command), std::move(admitted));
    });
  }

  void Delete(DeleteModelCommand command, Call<DeleteModelOutcome> call) {
    Queue(std::move(call),
          [this, command = std::move(command)](Call<DeleteModelOutcome> admitted) mutable {
            DeleteNow(std::move(command), std::move(admitted));
          });
  }

  void Recover(OnRecovered done, RecoveryObserver* observer);
  void MakeBackup(Call<std::shared_ptr<BackupReading>> call);
  absl::Status StorageStatus() const { return store_->status(); }
  void NotifyStorage(store::Store::OnStatus on_status) {
    const absl::MutexLock lock(&on_storage_mutex_);
    on_storage_ = std::move(on_status);
  }

  const ModelTable& table() const { return table_; }
  const std::shared_ptr<MemoryBudget>& memory() const { return resources_.memory; }

  absl::Status Drain(absl::Time deadline) {
    resources_.work->Close();
    recovery_runner_.Stop();
    for (const auto& model : table_.All()) model->EndSessions(resources_.work->OpenStatus());
    bool idle = resources_.work->AwaitIdle(deadline);
    if (idle) {
      for (const auto& model : table_.All()) model->SaveUnsaved();
      idle = resources_.work->AwaitIdle(deadline);
    }
    if (idle) return absl::OkStatus();
    return absl::DeadlineExceededError("work was still held at the deadline of the drain");
  }

  RegistryUsage Usage() const {
    return {.models = table_.size(),
            .memory_bytes = resources_.memory->used(),
            .held_items = resources_.work->items(),
            .held_bytes = resources_.work->bytes(),
            .waiting_updates = resources_.writers.waiting(),
            .waiting_reads = resources_.readers.waiting()};
  }

  const store::Store& store() const { return *store_; }

 private:
  template <typename Outcome, typename Work>
  void Queue(Call<Outcome> call, Work work) {
    if (!call.Admit(quota_.get(), /*bytes=*/0)) return;
    lane_.Post([call = std::move(call), work = std::move(work)]() mutable {
      if (absl::Status status = call.CheckStillWanted(); !status.ok()) {
        std::move(call).Answer(std::move(status));
      } else {
        work(std::move(call));
      }
    });
  }

  // Takes the name, then makes what is to have it; a failure frees the name.
  template <typename Command>
  absl::StatusOr<std::unique_ptr<ModelState::Parts>> Begin(Command command);
  void CreateNow(CreateModelCommand command, Call<ModelInfo> call);
  void ImportNow(ImportModelCommand command, Call<ModelInfo> call);
  void Keep(std::shared_ptr<Model> model, Durability durability, Call<ModelInfo> call);
  void DeleteNow(DeleteModelCommand command, Call<DeleteModelOutcome> call);

  void WatchCheckpoints() {
    NameThisThread("checkpoint");
    absl::Time next = SteadyNow() + kCheckpointTimer;
    while (true) {
      {
        const absl::MutexLock lock(&stopping_mutex_);
        while (!stopping_ && !stop_.WaitUntil(&stopping_mutex_, next)) {
        }
        if (stopping_) return;
      }
      for (const auto& model : table_.All()) {
        model->SaveIfWanted();
        model->FreeIfIdle();
      }
      backups_.CloseUnread(SteadyNow());
      next = SteadyNow() + kCheckpointTimer;
    }
  }

  const std::unique_ptr<store::Store> store_;
  ModelTable table_;
  Resources resources_;
  const std::shared_ptr<WorkQuota> quota_;
  IdempotentCalls<ModelInfo, DeleteModelOutcome> calls_;
  Lane lane_;
  OpenBackups backups_;
  RecoveryRunner recovery_runner_;
  absl::Mutex on_storage_mutex_;
  store::Store::OnStatus on_storage_ ABSL_GUARDED_BY(on_storage_mutex_);
  absl::Mutex stopping_mutex_;
  SteadyCondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(stopping_mutex_) = false;
  std::thread checkpoint_timer_;
};

// Makes repeats of requests from before a restart get the answers of then.
void Registry::Impl::Recover(OnRecovered done, RecoveryObserver* observer) {
  if (const auto answers = store_->RegistryAnswers(); answers.ok()) {
    for (const store::RememberedAnswer& remembered : *answers) {
      const RequestKey key{remembered.request.id, remembered.request.fingerprint};
      if (const auto* model = std::get_if<store::ModelAnswer>(&remembered.answer)) {
        calls_.Restore(key, remembered.time, InfoOf(*model));
      } else {
        calls_.Restore(key, remembered.time, DeleteModelOutcome());
      }
    }
  }
  recovery_runner_.Start(store_->TakeStoredModels(), std::move(done), observer);
}

void Registry::Impl::MakeBackup(Call<std::shared_ptr<BackupReading>> call) {
  if (!call.Admit(quota_.get(), /*bytes=*/0)) return;
  absl::StatusOr<OpenBackups::Place> place = backups_.TakePlace(SteadyNow());
  if (!place.ok()) {
    std::move(call).Answer(std::move(place).status());
    return;
  }
  store_->MakeBackup([this, call = std::move(call), place = *std::move(place)](
                         absl::StatusOr<std::unique_ptr<store::Backup>> backup) mutable {
    if (!backup.ok()) {
      place.reset();
      std::move(call).Answer(std::move(backup).status());
      return;
    }
    std::move(call).Answer(backups_.Open(*std::move(backup), std::move(place)));
  });
}

template <typename Command>
absl::StatusOr<std::unique_ptr<ModelState::Parts>> Registry::Impl::Begin(Command command) {
  const std::string name = command.settings.name;
  RETURN_IF_ERROR(table_.Reserve(name));
  absl::Status status;
  if (table_.size() > resources_.options.max_models) {
    status = TooManyModels(resources_.options.max_models);
  } else {
    absl::StatusOr<ModelState::Parts> parts =
        CatchExceptions([&] { return MakeParts(std::move(command), &resources_); });
    if (parts.ok()) return std::make_unique<ModelState::Parts>(*std::move(parts));
    status = std::move(parts).status();
  }
  table_.Release(name);
  return status;
}

void Registry::Impl::CreateNow(CreateModelCommand command, Call<ModelInfo> call) {
  if (!calls_.Begin(command.request, &call)) return;
  const RequestKey request = command.request;
  absl::StatusOr<std::unique_ptr<ModelState::Parts>> begun = Begin(std::move(command));
  if (!begun.ok()) {
    calls_.Conclude<ModelInfo>(request, std::move(call), std::move(begun).status());
    return;
  }
  std::unique_ptr<ModelState::Parts> kept = *std::move(begun);
  const ModelState::Parts& made = *kept;
  ModelInfo info = Describe(made.model, made.create_time, made.update_time);
  // Made before the call, whose arguments may be evaluated in any order: the callback takes both.
  const store::ModelAnswer answer = AnswerOf(info);
  std::optional<store::AnsweredRequest> answered = Answered(request);
  store_->CreateModel(
      made.model.settings(), answer, std::move(answered),
      [this, kept = std::move(kept), info = std::move(info), request,
       call = std::move(call)](absl::StatusOr<std::unique_ptr<store::Journal>> journal) mutable {
        if (!journal.ok()) {
          table_.Release(info.settings.name);
          calls_.Conclude<ModelInfo>(request, std::move(call), std::move(journal).status());
          return;
        }
        kept->journal = *std::move(journal);
        table_.Fill(info.settings.name, std::make_shared<Model>(&resources_, std::move(*kept)));
        calls_.Conclude<ModelInfo>(request, std::move(call), std::move(info));
      });
}

// As a model whose durability is raised: nothing is kept of it until its checkpoint is whole, and
// with that, in one commit, the model is there. So a crash, or a failure of the store, leaves all
// of it or nothing.
void Registry::Impl::ImportNow(ImportModelCommand command, Call<ModelInfo> call) {
  const Durability durability = command.settings.durability;
  absl::Status storage = durability == Durability::kMemory ? absl::OkStatus() : store_->status();
  if (!storage.ok()) {
    std::move(call).Answer(std::move(storage));
    return;
  }
  absl::StatusOr<std::unique_ptr<ModelState::Parts>> begun = Begin(std::move(command));
  if (!begun.ok()) {
    std::move(call).Answer(std::move(begun).status());
    return;
  }
  std::unique_ptr<ModelState::Parts> kept = *std::move(begun);
  const ModelState::Parts& made = *kept;
  const store::ModelAnswer answer =
      AnswerOf(Describe(made.model, made.create_time, made.update_time));
  store_->CreateModel(
      made.model.settings(), answer, std::nullopt,
      [this, kept = std::move(kept), durability,
       call = std::move(call)](absl::StatusOr<std::unique_ptr<store::Journal>> journal) mutable {
        if (!journal.ok()) {
          table_.Release(kept->model.settings().name);
          std::move(call).Answer(std::move(journal).status());
          return;
        }
        kept->journal = *std::move(journal);
        Keep(std::make_shared<Model>(&resources_, std::move(*kept)), durability, std::move(call));
      });
}

void Registry::Impl::Keep(std::shared_ptr<Model> model, Durability durability,
                          Call<ModelInfo> call) {
  Model* const imported = model.get();
  Reply<ModelInfo> reply = [this, model = std::move(model),
                            call = std::move(call)](absl::StatusOr<ModelInfo> info) mutable {
    const std::string name = model->name();
    if (info.ok()) {
      table_.Fill(name, std::move(model));
    } else {
      table_.Release(name);
    }
    std::move(call).Answer(std::move(info));
  };
  if (durability == Durability::kMemory) {
    imported->Info({}, std::move(reply));
    return;
  }
  UpdateModelCommand raise;
  raise.durability = durability;
  imported->Update(std::move(raise), {}, std::move(reply));
}

void Registry::Impl::DeleteNow(DeleteModelCommand command, Call<DeleteModelOutcome> call) {
  if (!calls_.Begin(command.request, &call)) return;
  absl::StatusOr<ModelTable::Emptied> emptied = table_.Empty(command.name);
  if (!emptied.ok()) {
    calls_.Conclude<DeleteModelOutcome>(command.request, std::move(call),
                                        std::move(emptied).status());
    return;
  }
  std::optional<store::AnsweredRequest> request = Answered(command.request);
  auto removed = [this, command = std::move(command),
                  call = std::move(call)](absl::StatusOr<std::int64_t> step) mutable {
    absl::StatusOr<DeleteModelOutcome> outcome = DeleteModelOutcome();
    if (step.ok()) {
      table_.Release(command.name);
    } else {
      outcome = std::move(step).status();
      table_.Suspend(command.name, outcome.status());
    }
    calls_.Conclude(command.request, std::move(call), std::move(outcome));
  };
  if (emptied->model != nullptr) {
    emptied->model->Close(std::move(request), std::move(removed));
  } else {
    emptied->journal->Remove(std::move(request), std::move(removed));
  }
}

Registry::Registry(const ModelsOptions& options)
    : Registry(options, std::make_unique<store::MemoryStore>()) {}

Registry::Registry(const ModelsOptions& options, std::unique_ptr<store::Store> store)
    : impl_(std::make_unique<Impl>(options, std::move(store))) {}

Registry::~Registry() { impl_->Drain(absl::InfiniteFuture()).IgnoreError(); }

void Registry::Create(CreateModelCommand command, CallContext context, Reply<ModelInfo> reply) {
  impl_->Create(std::move(command), Call<ModelInfo>(std::move(context), std::move(reply)));
}

void Registry::Import(ImportModelCommand command, CallContext context, Reply<ModelInfo> reply) {
  impl_->Import(std::move(command), Call<ModelInfo>(std::move(context), std::move(reply)));
}

void Registry::Delete(DeleteModelCommand command, CallContext context,
                      Reply<DeleteModelOutcome> reply) {
  impl_->Delete(std::move(command), Call<DeleteModelOutcome>(std::move(context), std::move(reply)));
}

absl::StatusOr<std::shared_ptr<Model>> Registry::Find(std::string_view name) const {
  return impl_->table().Find(name);
}

absl::StatusOr<ListModelsOutcome> Registry::List(const ListModelsCommand& command,
                                                 MaySee may_see) const {
  ASSIGN_OR_RETURN(const std::size_t page_size, PageSize(command.page_size));
  ASSIGN_OR_RETURN(std::string after, DecodePageToken(command.page_token));
  // One more than asked for tells whether there is a next page.
  std::vector<std::shared_ptr<Model>> models;
  for (bool more = true; more && models.size() <= page_size;) {
    std::vector<std::shared_ptr<Model>> next = impl_->table().After(after, page_size + 1);
    more = next.size() > page_size;
    if (more) after = next.back()->name();
    for (auto& model : next) {
      if (models.size() <= page_size && may_see(model->name())) models.push_back(std::move(model));
    }
  }
  ListModelsOutcome outcome;
  if (models.size() > page_size) {
    models.pop_back();
    outcome.next_page_token = EncodePageToken(models.back()->name());
  }
  outcome.models.reserve(models.size());
  for (const auto& model : models) outcome.models.push_back(model->Describe());
  return outcome;
}

void Registry::Recover(OnRecovered done, RecoveryObserver* observer) {
  impl_->Recover(std::move(done), observer);
}

void Registry::MakeBackup(CallContext context, Reply<std::shared_ptr<BackupReading>> reply) {
  impl_->MakeBackup(Call<std::shared_ptr<BackupReading>>(std::move(context), std::move(reply)));
}

absl::Status Registry::StorageStatus() const { return impl_->StorageStatus(); }

void Registry::NotifyStorage(store::Store::OnStatus on_status) {
  impl_->NotifyStorage(std::move(on_status));
}

absl::Status Registry::Drain(absl::Time deadline) { return impl_->Drain(deadline); }

RegistryUsage Registry::Usage() const { return impl_->Usage(); }

RegistryStatistics Registry::Statistics(std::size_t most_models, MaySee may_see) const {
  RegistryStatistics statistics;
  const std::vector<ModelTable::Listed> listed =
      impl_->table().List(most_models, may_see, &statistics.by_condition);
  statistics.models.reserve(listed.size());
  for (const ModelTable::Listed& entry : listed) {
    ModelStatistics& model = statistics.models.emplace_back();
    if (entry.model != nullptr) model = entry.model->Statistics();
    model.name = entry.name;
    model.condition = entry.condition;
  }
  for (const std::int64_t count : statistics.by_condition) statistics.left_out += count;
  statistics.left_out -= static_cast<std::int64_t>(listed.size());
  return statistics;
}

std::shared_ptr<const store::StoreNumbers> Registry::StoreNumbers() const {
  return impl_->store().numbers();
}

store::StoreUsage Registry::StoreUsage() const { return impl_->store().Usage(); }

const std::shared_ptr<MemoryBudget>& Registry::memory() const { return impl_->memory(); }

}  // namespace descent::models
