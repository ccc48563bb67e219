#include "server/store/memory_store.h"

#include <map>
#include <ranges>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "server/store/errors.h"

namespace descent::store {
namespace {

// The state with slots of its own; the parameters never change and are shared.
ModelImage CopyOf(const ModelImage& image) {
  TrainerState state{.step = image.state.step,
                     .optimizer_updates = image.state.optimizer_updates,
                     .parameters = image.state.parameters,
                     .slots = {},
                     .scalars = image.state.scalars};
  for (const Buffer& slot : image.state.slots) state.slots.push_back(slot.Clone());
  return {.settings = image.settings,
          .state = std::move(state),
          .last_loss = image.last_loss,
          .update_time = image.update_time,
          .history = image.history,
          .sessions = image.sessions,
          .answers = image.answers};
}

std::int64_t ByteSize(const TrainerState& state) {
  std::size_t bytes = state.parameters.parameters().byte_size();
  for (const Buffer& slot : state.slots) bytes += slot.byte_size();
  return static_cast<std::int64_t>(bytes);
}

// Callbacks of Append may come before those of calls made inside them, as the contract allows.
class MemoryJournal final : public Journal {
 public:
  explicit MemoryJournal(std::int64_t step) : step_(step) {}

  void Append(UpdateRecord record, Publish publish, OnStored done) override {
    if (const auto* deletion = std::get_if<CheckpointDeletion>(&record.update)) {
      checkpoints_.erase(deletion->step);
    }
    step_ = record.result.step;
    if (publish) std::move(publish)(step_);
    std::move(done)(step_);
  }

  void Sync(OnStored done) override { std::move(done)(step_); }

  void Remove(std::optional<AnsweredRequest> /*request*/, OnStored done) override {
    std::move(done)(step_);
  }

  absl::Status status() const override { return absl::OkStatus(); }
  bool WantsCheckpoint() const override { return false; }

  void SaveCheckpoint(ModelImage image, bool requested, OnSaved done) override {
    const CheckpointInfo info{.step = image.state.step,
                              .create_time = absl::Now(),
                              .size_bytes = ByteSize(image.state),
                              .state_hash = StateHash(image.state)};
    if (requested) checkpoints_.insert_or_assign(info.step, Saved{info, std::move(image)});
    std::move(done)(info);
  }

  void ListCheckpoints(OnListed done) override {
    std::vector<CheckpointInfo> listed;
    for (const auto& [step, saved] : std::views::reverse(checkpoints_)) {
      listed.push_back(saved.info);
    }
    std::move(done)(std::move(listed));
  }

  void LoadCheckpoint(std::int64_t step, OnLoaded done) override {
    const auto saved = checkpoints_.find(step);
    if (saved == checkpoints_.end()) {
      std::move(done)(CheckpointNotFound(step));
      return;
    }
    ModelImage image = CopyOf(saved->second.image);
    std::move(done)(LoadedCheckpoint{.id = step, .image = std::move(image)});
  }

 private:
  struct Saved {
    CheckpointInfo info;
    ModelImage image;
  };

  std::int64_t step_;
  std::map<std::int64_t, Saved> checkpoints_;
};

}  // namespace

void MemoryStore::CreateModel(const ModelSettings& /*settings*/, const ModelAnswer& answer,
                              std::optional<AnsweredRequest> /*request*/, OnCreated done) {
  std::move(done)(std::make_unique<MemoryJournal>(answer.step));
}

absl::StatusOr<std::unique_ptr<StoredModel>> MemoryStore::Find(const std::string& name) {
  return Error(absl::StatusCode::kNotFound, "MODEL_NOT_FOUND",
               absl::StrCat("nothing is stored of model \"", name, "\""), {{"model", name}});
}

void MemoryStore::MakeBackup(OnBackup done) {
  std::move(done)(Error(absl::StatusCode::kUnimplemented, "NO_STORAGE",
                        "the server keeps models in memory only: there is nothing to back up"));
}

}  // namespace descent::store
