// A store whose commits happen when a test says so.

#ifndef TESTS_MODELS_MANUAL_STORE_H_
#define TESTS_MODELS_MANUAL_STORE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/store/errors.h"
#include "server/store/store.h"

namespace descent::models {

// What the test and the store share. Thread-safe.
class ManualCommits {
 public:
  // is_never_spared: its publish is called, whatever is committed with it.
  void Add(std::int64_t step, store::OnStored done, store::Publish publish = nullptr,
           bool is_never_spared = false) {
    const absl::MutexLock lock(&mutex_);
    waiting_.push_back({step, std::move(publish), is_never_spared, std::move(done)});
  }

  void Record(store::UpdateRecord record) {
    const absl::MutexLock lock(&mutex_);
    records_.push_back(std::move(record));
  }

  // Waits for the next change and commits it, or fails it. False if none comes.
  bool CommitNext(absl::Status status = absl::OkStatus(),
                  absl::Duration timeout = absl::Seconds(30)) {
    Waiting next;
    {
      const absl::MutexLock lock(&mutex_);
      const auto any = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !waiting_.empty(); };
      if (!mutex_.AwaitWithTimeout(absl::Condition(&any), timeout)) return false;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    if (status.ok()) {
      if (next.publish) std::move(next.publish)(next.step);
      std::move(next.done)(next.step);
    } else {
      std::move(next.done)(std::move(status));
    }
    return true;
  }

  // Commits all that waits, which is of one model, at once. As in the store that lasts, the first
  // change publishes what a later one has, which shows all of them; returns how many were spared.
  int CommitTogether() {
    std::deque<Waiting> all;
    {
      const absl::MutexLock lock(&mutex_);
      all.swap(waiting_);
    }
    int spared = 0;
    Waiting* publisher = nullptr;  // null: the next change begins anew
    for (Waiting& change : all) {
      if (publisher == nullptr) {
        publisher = &change;
      } else if (change.publish) {
        publisher->publish = std::exchange(change.publish, nullptr);
        ++spared;
      }
      if (change.is_never_spared) publisher = nullptr;
    }
    for (Waiting& change : all) {
      if (change.publish) std::move(change.publish)(all.back().step);
      std::move(change.done)(all.back().step);
    }
    return spared;
  }

  std::vector<store::UpdateRecord> TakeRecords() {
    const absl::MutexLock lock(&mutex_);
    return std::exchange(records_, {});
  }

  // Checkpoints: whether one is wanted, those that were taken, and the step of the last one saved.

  void set_wants_checkpoint(bool wants) { wants_checkpoint_ = wants; }
  bool wants_checkpoint() const { return wants_checkpoint_; }

  void AddImage(store::ModelImage image, store::OnSaved done) {
    wants_checkpoint_ = false;
    const absl::MutexLock lock(&mutex_);
    images_.push_back({std::move(image), std::move(done)});
  }

  // Waits for the next image, saves it and returns it.
  std::optional<store::ModelImage> SaveNext(absl::Duration timeout = absl::Seconds(30)) {
    Image next;
    {
      const absl::MutexLock lock(&mutex_);
      const auto any = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !images_.empty(); };
      if (!mutex_.AwaitWithTimeout(absl::Condition(&any), timeout)) return std::nullopt;
      next = std::move(images_.front());
      images_.pop_front();
    }
    saved_step_ = next.image.state.step;
    std::move(next.done)(store::CheckpointInfo{.step = next.image.state.step});
    return std::move(next.image);
  }

  std::int64_t saved_step() const { return saved_step_; }

 private:
  struct Image {
    store::ModelImage image;
    store::OnSaved done;
  };

  struct Waiting {
    std::int64_t step = 0;
    store::Publish publish;  // may be null
    bool is_never_spared = false;
    store::OnStored done;
  };

  absl::Mutex mutex_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<store::UpdateRecord> records_ ABSL_GUARDED_BY(mutex_);
  std::deque<Image> images_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> wants_checkpoint_{false};
  std::atomic<std::int64_t> saved_step_{0};
};

// Keeps records and images for the test to look at, and recovers nothing.
class ManualStore final : public store::Store {
 public:
  explicit ManualStore(std::shared_ptr<ManualCommits> commits) : commits_(std::move(commits)) {}

  // Creating is not held up.
  void CreateModel(const store::ModelSettings& settings, const store::ModelAnswer& /*answer*/,
                   std::optional<store::AnsweredRequest> /*request*/, OnCreated done) override {
    std::move(done)(std::make_unique<ManualJournal>(settings.durability, commits_));
  }

  std::vector<std::unique_ptr<store::StoredModel>> TakeStoredModels() override { return {}; }
  absl::StatusOr<std::unique_ptr<store::StoredModel>> Find(const std::string& /*name*/) override {
    return absl::NotFoundError("nothing is stored");
  }
  absl::StatusOr<std::vector<store::RememberedAnswer>> RegistryAnswers() override {
    return std::vector<store::RememberedAnswer>();
  }
  absl::Status status() const override { return absl::OkStatus(); }
  void MakeBackup(store::OnBackup done) override {
    std::move(done)(absl::UnimplementedError("no backup"));
  }
  void NotifyStatus(OnStatus /*on_status*/) override {}

 private:
  class ManualJournal final : public store::Journal {
   public:
    ManualJournal(store::Durability durability, std::shared_ptr<ManualCommits> commits)
        : durability_(durability), commits_(std::move(commits)) {}

    void Append(store::UpdateRecord record, store::Publish publish, store::OnStored done) override {
      step_ = record.result.step;
      if (durability_ != store::Durability::kJournal) {
        if (publish) std::move(publish)(Promised());
        std::move(done)(Promised());
        return;
      }
      const bool is_settings = std::holds_alternative<store::SettingsUpdate>(record.update);
      commits_->Record(std::move(record));
      commits_->Add(step_, std::move(done), std::move(publish), is_settings);
    }
    void Sync(store::OnStored done) override {
      if (durability_ == store::Durability::kJournal) {
        commits_->Add(step_, std::move(done));
      } else {
        std::move(done)(Promised());
      }
    }
    void Remove(std::optional<store::AnsweredRequest> /*request*/, store::OnStored done) override {
      commits_->Add(step_, std::move(done));
    }
    absl::Status status() const override { return absl::OkStatus(); }
    bool WantsCheckpoint() const override { return commits_->wants_checkpoint(); }
    void SaveCheckpoint(store::ModelImage image, bool /*requested*/, store::OnSaved done) override {
      durability_ = image.settings.durability;
      commits_->AddImage(std::move(image), std::move(done));
    }
    void ListCheckpoints(store::OnListed done) override {
      std::move(done)(std::vector<store::CheckpointInfo>());
    }
    void LoadCheckpoint(std::int64_t step, store::OnLoaded done) override {
      std::move(done)(store::CheckpointNotFound(step));
    }

   private:
    // Without a journal: as much as the durability promises, which for MEMORY is nothing, so that
    // every step is as durable as it will ever be.
    std::int64_t Promised() const {
      return durability_ == store::Durability::kMemory ? step_ : commits_->saved_step();
    }

    store::Durability durability_;
    const std::shared_ptr<ManualCommits> commits_;
    std::int64_t step_ = 0;
  };

  const std::shared_ptr<ManualCommits> commits_;
};

}  // namespace descent::models

#endif  // TESTS_MODELS_MANUAL_STORE_H_
