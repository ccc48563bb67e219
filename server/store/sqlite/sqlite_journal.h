// The journal of one model in the store's file.

#ifndef SERVER_STORE_SQLITE_SQLITE_JOURNAL_H_
#define SERVER_STORE_SQLITE_SQLITE_JOURNAL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "server/store/sqlite/kept_model.h"
#include "server/store/sqlite/store_thread.h"
#include "server/store/store.h"

namespace descent::store {

class SqliteJournal final : public Journal {
 public:
  // What the model is when the journal begins, or goes on.
  struct Start {
    Durability durability = Durability::kJournal;
    std::int64_t position = 0;  // records that were ever appended
    std::int64_t step = 0;
    std::int64_t saved_position = 0;  // of the newest checkpoint
    absl::Time saved_time;
    // Not OK: the model's stored state is damaged, and all that can be done is to remove it.
    absl::Status damage;
  };

  SqliteJournal(StoreThread* thread, std::shared_ptr<KeptModel> model, const Start& start);

  void Append(UpdateRecord record, Publish publish, OnStored done) override;
  void Sync(OnStored done) override;
  void Remove(std::optional<AnsweredRequest> request, OnStored done) override;
  absl::Status status() const override { return thread_->status(); }
  bool WantsCheckpoint() const override;
  std::shared_ptr<const JournalNumbers> numbers() const override;
  void SaveCheckpoint(ModelImage image, bool requested, OnSaved done) override;
  void ListCheckpoints(OnListed done) override;
  void LoadCheckpoint(std::int64_t step, OnLoaded done) override;

 private:
  // Whether a callback made now would overtake none that is outstanding.
  bool MayCallBack() const { return model_->shared.outstanding == 0 && !model_->shared.failed; }

  StoreThread* const thread_;
  const std::shared_ptr<KeptModel> model_;
  const absl::Status damage_;

  // Changed by the calls that come one at a time, and read by WantsCheckpoint on any thread.
  std::atomic<Durability> durability_;
  std::atomic<std::int64_t> position_;
  std::atomic<std::int64_t> saved_position_;
  std::atomic<std::int64_t> saved_time_;  // of SteadyNow, in nanoseconds
  std::int64_t step_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_SQLITE_JOURNAL_H_
