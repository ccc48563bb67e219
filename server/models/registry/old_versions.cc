#include "server/models/registry/old_versions.h"

#include <algorithm>
#include <utility>

#include "clock/steady.h"
#include "core/status_macros.h"
#include "server/models/errors.h"
#include "server/models/reading/reader.h"
#include "server/models/state/model_counters.h"
#include "server/models/work/cost.h"
#include "server/models/work/resources.h"
#include "server/models/writing/writer.h"

namespace descent::models {

// The parameters of a checkpoint, read as those of a model are.
struct OldVersions::Version {
  std::shared_ptr<Publication> publication;
  std::unique_ptr<Reader> reader;
  MemoryCharge memory;
  std::int64_t changes = 0;  // of checkpoints, when it was loaded
  absl::Time used;           // guarded by the mutex
};

void OldVersions::Predict(std::int64_t step, PredictCommand command, CallContext context,
                          Reply<PredictOutcome> reply) {
  absl::StatusOr<MemoryCharge> memory =
      resources_->memory->Reserve(MemoryPurpose::kHeldWork, ByteSize(command));
  if (!memory.ok()) {
    std::move(reply)(std::move(memory).status());
    return;
  }
  Waiter waiter{std::move(command), std::move(context), std::move(reply), *std::move(memory)};
  bool is_first = false;
  const absl::StatusOr<std::shared_ptr<Version>> version = FindOrWait(step, &waiter, &is_first);
  if (!version.ok()) {
    std::move(waiter.reply)(version.status());
  } else if (*version != nullptr) {
    waiter.memory = MemoryCharge();  // from here on the reader counts it
    Run(**version, std::move(waiter.command), std::move(waiter.context), std::move(waiter.reply));
  } else if (is_first) {
    Load(step);
  }
}

absl::StatusOr<std::shared_ptr<OldVersions::Version>> OldVersions::FindOrWait(std::int64_t step,
                                                                              Waiter* waiter,
                                                                              bool* is_first) {
  const absl::MutexLock lock(&mutex_);
  if (std::shared_ptr<Version> version = Find(step); version != nullptr) return version;
  std::vector<Waiter>& waiting = loading_[step];
  if (waiting.size() >= kMostWaiting) {
    return QueueFull("predictions by a checkpoint", "predictions that wait for it", kMostWaiting,
                     resources_->options.retry_after);
  }
  *is_first = waiting.empty();
  waiting.push_back(std::move(*waiter));
  return nullptr;
}

std::shared_ptr<OldVersions::Version> OldVersions::Find(std::int64_t step) {
  const auto found = versions_.find(step);
  if (found == versions_.end()) return nullptr;
  if (found->second->changes != writer_->publication()->checkpoint_changes()) {
    versions_.erase(found);
    return nullptr;
  }
  found->second->used = SteadyNow();
  return found->second;
}

void OldVersions::Load(std::int64_t step) {
  // Whoever waits may go, and others wait on.
  writer_->ReadCheckpoint(
      step, CallContext(),
      [self = shared_from_this(), step,
       changes = writer_->publication()->checkpoint_changes()](absl::StatusOr<Snapshot> loaded) {
        // It comes on the store's thread, which computes nothing.
        Resources* const resources = self->resources_;
        resources->readers.Post(
            [self, step, changes, loaded = std::move(loaded)]() mutable {
              self->OnLoaded(step, changes, std::move(loaded));
            },
            {.owner = self->writer_->publication().get()});
      });
}

absl::StatusOr<std::shared_ptr<OldVersions::Version>> OldVersions::Make(std::int64_t changes,
                                                                        Snapshot snapshot) const {
  const Publication& current = *writer_->publication();
  ASSIGN_OR_RETURN(
      MemoryCharge memory,
      resources_->memory->Reserve(MemoryPurpose::kModels, snapshot.parameters().capacity()));
  auto version = std::make_shared<Version>();
  Publication::Progress progress;
  progress.step = progress.durable_step = snapshot.step();
  version->publication = std::make_shared<Publication>(
      current.network(), current.settings(), current.create_time(), std::move(snapshot), progress);
  version->reader = std::make_unique<Reader>(resources_, version->publication);
  version->memory = std::move(memory);
  version->changes = changes;
  return version;
}

void OldVersions::OnLoaded(std::int64_t step, std::int64_t changes,
                           absl::StatusOr<Snapshot> loaded) {
  const auto version = loaded.ok() ? Make(changes, *std::move(loaded))
                                   : absl::StatusOr<std::shared_ptr<Version>>(loaded.status());
  std::vector<Waiter> waiting;
  {
    const absl::MutexLock lock(&mutex_);
    const auto found = loading_.find(step);
    if (found != loading_.end()) {
      waiting = std::move(found->second);
      loading_.erase(found);
    }
    if (version.ok()) Keep(step, *version);
  }
  for (Waiter& waiter : waiting) {
    waiter.memory = MemoryCharge();
    if (version.ok()) {
      Run(**version, std::move(waiter.command), std::move(waiter.context), std::move(waiter.reply));
    } else {
      std::move(waiter.reply)(version.status());
    }
  }
}

void OldVersions::Keep(std::int64_t step, std::shared_ptr<Version> version) {
  version->used = SteadyNow();
  versions_[step] = std::move(version);
  while (versions_.size() > kMost) {
    versions_.erase(std::min_element(
        versions_.begin(), versions_.end(),
        [](const auto& a, const auto& b) { return a.second->used < b.second->used; }));
  }
}

void OldVersions::Run(const Version& version, PredictCommand command, CallContext context,
                      Reply<PredictOutcome> reply) const {
  const std::shared_ptr<const Publication> current = writer_->publication();
  if (absl::Status status = current->ReadStatus(); !status.ok()) {
    std::move(reply)(std::move(status));
    return;
  }
  version.reader->Predict(
      std::move(command), std::move(context),
      [current, reply = std::move(reply)](absl::StatusOr<PredictOutcome> outcome) mutable {
        if (outcome.ok()) CountPrediction(outcome->outputs.rows(), &current->counters());
        std::move(reply)(std::move(outcome));
      });
}

void OldVersions::FreeUnused(absl::Time now) {
  std::vector<std::shared_ptr<Version>> unused;  // let go without the lock
  const absl::MutexLock lock(&mutex_);
  for (auto version = versions_.begin(); version != versions_.end();) {
    if (version->second->used + kKept < now) {
      unused.push_back(std::move(version->second));
      version = versions_.erase(version);
    } else {
      ++version;
    }
  }
}

}  // namespace descent::models
