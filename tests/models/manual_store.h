// A store whose commits happen when a test says so.

#ifndef TESTS_MODELS_MANUAL_STORE_H_
#define TESTS_MODELS_MANUAL_STORE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/store/store.h"

namespace descent::models {

// What the test and the store share. Thread-safe.
class ManualCommits {
 public:
  void Add(std::int64_t step, store::OnStored done) {
    const absl::MutexLock lock(&mutex_);
    waiting_.push_back({step, std::move(done)});
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
      std::move(next.done)(next.step);
    } else {
      std::move(next.done)(std::move(status));
    }
    return true;
  }

  std::vector<store::UpdateRecord> TakeRecords() {
    const absl::MutexLock lock(&mutex_);
    return std::exchange(records_, {});
  }

 private:
  struct Waiting {
    std::int64_t step = 0;
    store::OnStored done;
  };

  absl::Mutex mutex_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<store::UpdateRecord> records_ ABSL_GUARDED_BY(mutex_);
};

class ManualStore final : public store::Store {
 public:
  explicit ManualStore(std::shared_ptr<ManualCommits> commits) : commits_(std::move(commits)) {}

  // Creating is not held up.
  void CreateModel(const store::ModelSettings& /*settings*/, absl::Time /*create_time*/,
                   OnCreated done) override {
    std::move(done)(std::make_unique<ManualJournal>(commits_));
  }

 private:
  class ManualJournal final : public store::Journal {
   public:
    explicit ManualJournal(std::shared_ptr<ManualCommits> commits) : commits_(std::move(commits)) {}

    void Append(store::UpdateRecord record, store::OnStored done) override {
      step_ = record.step;
      commits_->Record(std::move(record));
      commits_->Add(step_, std::move(done));
    }
    void Sync(store::OnStored done) override { commits_->Add(step_, std::move(done)); }
    void Remove(store::OnStored done) override { commits_->Add(step_, std::move(done)); }

   private:
    const std::shared_ptr<ManualCommits> commits_;
    std::int64_t step_ = 0;
  };

  const std::shared_ptr<ManualCommits> commits_;
};

}  // namespace descent::models

#endif  // TESTS_MODELS_MANUAL_STORE_H_
