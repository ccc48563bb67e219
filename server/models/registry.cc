#include "server/models/registry.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "core/trainer.h"
#include "server/models/call.h"
#include "server/models/errors.h"
#include "server/models/idempotent_calls.h"
#include "server/models/lane.h"
#include "server/models/model_table.h"
#include "server/models/resources.h"
#include "server/store/memory_store.h"

namespace descent::models {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;

// What a page token holds before it is encoded: this, and the last name of the page.
constexpr absl::string_view kTokenPrefix = "after:";

absl::StatusOr<std::string> DecodePageToken(const std::string& token) {
  if (token.empty()) return std::string();
  std::string decoded;
  if (absl::WebSafeBase64Unescape(token, &decoded)) {
    absl::string_view name = decoded;
    if (absl::ConsumePrefix(&name, kTokenPrefix)) return std::string(name);
  }
  return InvalidField("page_token", "expected the next_page_token of the page before");
}

std::string EncodePageToken(const std::string& last_name) {
  return absl::WebSafeBase64Escape(absl::StrCat(kTokenPrefix, last_name));
}

// Everything of a new model but its journal.
absl::StatusOr<ModelState::Parts> MakeParts(ModelSettings settings, Resources* resources) {
  auto network = Network::Create(settings.network);
  if (!network.ok()) return WithFieldPrefix(std::move(network).status(), "model.network");
  const auto in_optimizer = [](absl::Status status) {
    return WithFieldPrefix(std::move(status), "model.optimizer");
  };
  const auto bytes = EstimateModelBytes(**network, settings.optimizer);
  if (!bytes.ok()) return in_optimizer(bytes.status());
  ASSIGN_OR_RETURN(MemoryCharge memory, resources->memory->Reserve(*bytes));
  auto trainer = Trainer::Create(*network, settings.optimizer, &resources->pool);
  if (!trainer.ok()) return in_optimizer(std::move(trainer).status());
  return ModelState::Parts{.network = *std::move(network),
                           .trainer = *std::move(trainer),
                           .settings = std::move(settings),
                           .create_time = absl::Now(),
                           .memory = std::move(memory),
                           .journal = nullptr};
}

// A model that was just made.
ModelInfo Describe(const ModelState::Parts& parts) {
  return {.settings = parts.settings,
          .parameter_count = parts.network->layout().parameter_count(),
          .create_time = parts.create_time,
          .update_time = parts.create_time,
          .state_hash = parts.trainer->StateHash()};
}

}  // namespace

// Models are made and removed one after another, on a lane of their own.
class Registry::Impl {
 public:
  Impl(const ModelsOptions& options, std::unique_ptr<store::Store> store)
      : store_(std::move(store)),
        resources_(options),
        quota_(WorkQuota::Create("created and deleted models",
                                 resources_.PerModel(options.max_updates_per_model),
                                 resources_.work)),
        calls_(options.request_window, options.request_window_age),
        lane_(&resources_.writers) {}

  void Create(CreateModelCommand command, Call<ModelInfo> call) {
    Queue(std::move(call), [this, command = std::move(command)](Call<ModelInfo> admitted) mutable {
      CreateNow(std::move(command), std::move(admitted));
    });
  }

  void Delete(DeleteModelCommand command, Call<DeleteModelOutcome> call) {
    Queue(std::move(call),
          [this, command = std::move(command)](Call<DeleteModelOutcome> admitted) mutable {
            DeleteNow(std::move(command), std::move(admitted));
          });
  }

  const ModelTable& table() const { return table_; }

  absl::Status Drain(absl::Time deadline) {
    resources_.work->Close();
    for (const auto& model : table_.After("", std::numeric_limits<std::size_t>::max())) {
      model->EndSessions(resources_.work->OpenStatus());
    }
    if (resources_.work->AwaitIdle(deadline)) return absl::OkStatus();
    return absl::DeadlineExceededError("work was still held at the deadline of the drain");
  }

  RegistryUsage Usage() const {
    return {.models = table_.size(),
            .memory_bytes = resources_.memory->used(),
            .held_items = resources_.work->items(),
            .held_bytes = resources_.work->bytes()};
  }

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

  void CreateNow(CreateModelCommand command, Call<ModelInfo> call);
  void DeleteNow(DeleteModelCommand command, Call<DeleteModelOutcome> call);

  const std::unique_ptr<store::Store> store_;
  ModelTable table_;
  Resources resources_;
  const std::shared_ptr<WorkQuota> quota_;
  IdempotentCalls<ModelInfo, DeleteModelOutcome> calls_;
  Lane lane_;
};

void Registry::Impl::CreateNow(CreateModelCommand command, Call<ModelInfo> call) {
  if (!calls_.Begin(command.request, &call)) return;
  const std::string name = command.settings.name;
  if (absl::Status status = table_.Reserve(name); !status.ok()) {
    calls_.Conclude<ModelInfo>(command.request, std::move(call), std::move(status));
    return;
  }
  absl::StatusOr<ModelState::Parts> parts = MakeParts(std::move(command.settings), &resources_);
  if (!parts.ok()) {
    table_.Release(name);
    calls_.Conclude<ModelInfo>(command.request, std::move(call), std::move(parts).status());
    return;
  }
  ModelInfo info = Describe(*parts);
  auto kept = std::make_unique<ModelState::Parts>(*std::move(parts));
  const ModelState::Parts& made = *kept;
  store_->CreateModel(
      made.settings, made.create_time,
      [this, kept = std::move(kept), info = std::move(info), request = std::move(command.request),
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

void Registry::Impl::DeleteNow(DeleteModelCommand command, Call<DeleteModelOutcome> call) {
  if (!calls_.Begin(command.request, &call)) return;
  absl::StatusOr<std::shared_ptr<Model>> model = table_.Empty(command.name);
  if (!model.ok()) {
    calls_.Conclude<DeleteModelOutcome>(command.request, std::move(call),
                                        std::move(model).status());
    return;
  }
  (*model)->Close([this, command = std::move(command),
                   call = std::move(call)](absl::StatusOr<std::int64_t> removed) mutable {
    absl::StatusOr<DeleteModelOutcome> outcome = DeleteModelOutcome();
    if (removed.ok()) {
      table_.Release(command.name);
    } else {
      outcome = std::move(removed).status();
    }
    calls_.Conclude(command.request, std::move(call), std::move(outcome));
  });
}

Registry::Registry(const ModelsOptions& options)
    : Registry(options, std::make_unique<store::MemoryStore>()) {}

Registry::Registry(const ModelsOptions& options, std::unique_ptr<store::Store> store)
    : impl_(std::make_unique<Impl>(options, std::move(store))) {}

Registry::~Registry() { impl_->Drain(absl::InfiniteFuture()).IgnoreError(); }

void Registry::Create(CreateModelCommand command, CallContext context, Reply<ModelInfo> reply) {
  impl_->Create(std::move(command), Call<ModelInfo>(std::move(context), std::move(reply)));
}

void Registry::Delete(DeleteModelCommand command, CallContext context,
                      Reply<DeleteModelOutcome> reply) {
  impl_->Delete(std::move(command), Call<DeleteModelOutcome>(std::move(context), std::move(reply)));
}

absl::StatusOr<std::shared_ptr<Model>> Registry::Find(std::string_view name) const {
  return impl_->table().Find(name);
}

absl::StatusOr<ListModelsOutcome> Registry::List(const ListModelsCommand& command) const {
  if (command.page_size < 0) {
    return InvalidField("page_size", absl::StrCat("expected >= 0, got ", command.page_size));
  }
  ASSIGN_OR_RETURN(const std::string after, DecodePageToken(command.page_token));
  const std::size_t page_size = static_cast<std::size_t>(
      command.page_size == 0 ? kDefaultPageSize : std::min(command.page_size, kMaxPageSize));
  // One more than asked for tells whether there is a next page.
  std::vector<std::shared_ptr<Model>> models = impl_->table().After(after, page_size + 1);
  ListModelsOutcome outcome;
  if (models.size() > page_size) {
    models.pop_back();
    outcome.next_page_token = EncodePageToken(models.back()->name());
  }
  outcome.models.reserve(models.size());
  for (const auto& model : models) outcome.models.push_back(model->Describe());
  return outcome;
}

absl::Status Registry::Drain(absl::Time deadline) { return impl_->Drain(deadline); }

RegistryUsage Registry::Usage() const { return impl_->Usage(); }

}  // namespace descent::models
