// The operations that a model's journal is made of. See store.h for what each call means.

#ifndef SERVER_STORE_SQLITE_JOURNAL_OPERATIONS_H_
#define SERVER_STORE_SQLITE_JOURNAL_OPERATIONS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/store/sqlite/checkpoint_writer.h"
#include "server/store/sqlite/kept_model.h"
#include "server/store/sqlite/operation.h"
#include "server/store/store.h"

namespace descent::store {

// Takes everything that the file has of a model out of it: the row that makes it a model within a
// transaction, the rest into the trash once that is durable.
class Removal {
 public:
  // Within a transaction, if the model is kept. `position`: of the change that removes it.
  absl::Status Apply(KeptModel* model, std::int64_t position, StoreParts* parts);
  // After the transaction, if it was committed.
  void Committed(StoreParts* parts);

 private:
  std::int64_t model_id_ = 0;
  std::vector<LiveRow> rows_;
  std::vector<std::int64_t> checkpoints_;
};

class AppendOperation final : public Operation {
 public:
  struct Change {
    UpdateRecord record;
    std::int64_t position = 0;
    // What the model's durability was before, and is behind it.
    Durability before = Durability::kJournal;
    Durability after = Durability::kJournal;
  };

  // Encodes what is to be kept, on the caller's thread: the batch is at hand there, and goes.
  AppendOperation(std::shared_ptr<KeptModel> model, Change change, Publish publish, OnStored done);

  bool changes() const override;
  bool only_appends() const override { return IsKept() && !Forgets() && !IsDeletion(); }
  bool is_of_stream() const override { return change_.record.session.has_value(); }
  std::size_t bytes() const override { return encoded_.size(); }
  absl::Status Apply(StoreParts* parts) override;
  void Finish(const absl::Status& outcome, StoreParts* parts) override;

  // `later` is a change of the same model that will be stored together with this one. True: what it
  // publishes, if anything, takes the place of what this one would have, which is returned to be
  // destroyed.
  bool PublishInstead(AppendOperation* later, Publish* superseded);

 private:
  bool IsDeletion() const {
    return std::holds_alternative<CheckpointDeletion>(change_.record.update);
  }
  bool IsKept() const { return change_.before == Durability::kJournal; }
  bool Forgets() const {
    return change_.after == Durability::kMemory && change_.before != Durability::kMemory;
  }
  absl::Status Unlist(std::int64_t step, StoreParts* parts);
  std::int64_t DurableStep() const;

  Change change_;  // without what was encoded
  std::string encoded_;
  Publish publish_;
  // The step that publish_ shows, and whether a later change's may take its place.
  std::int64_t published_step_;
  bool may_be_superseded_;
  OnStored done_;
  Removal removal_;
  std::vector<std::int64_t> deleted_checkpoints_;
};

class SyncOperation final : public Operation {
 public:
  // `memory_step`: the model's step, if that is all there is to say.
  SyncOperation(std::shared_ptr<KeptModel> model, std::optional<std::int64_t> memory_step,
                OnStored done)
      : Operation(std::move(model)), memory_step_(memory_step), done_(std::move(done)) {}

  bool changes() const override { return false; }
  void Finish(const absl::Status& outcome, StoreParts* parts) override;

 private:
  const std::optional<std::int64_t> memory_step_;
  OnStored done_;
};

class RemoveOperation final : public Operation {
 public:
  // `durability`: with kMemory there is nothing to be removed for good, nor a request to remember.
  RemoveOperation(std::shared_ptr<KeptModel> model, Durability durability, std::int64_t position,
                  std::optional<AnsweredRequest> request, OnStored done)
      : Operation(std::move(model)),
        is_kept_(durability != Durability::kMemory),
        position_(position),
        request_(std::move(request)),
        done_(std::move(done)) {}

  bool changes() const override { return is_kept_; }
  absl::Status Apply(StoreParts* parts) override;
  void Finish(const absl::Status& outcome, StoreParts* parts) override;

 private:
  const bool is_kept_;
  const std::int64_t position_;
  const std::optional<AnsweredRequest> request_;
  OnStored done_;
  Removal removal_;
};

class SaveOperation final : public Operation {
 public:
  explicit SaveOperation(CheckpointJob job) : Operation(job.model), job_(std::move(job)) {}

  bool changes() const override { return false; }
  void Finish(const absl::Status& outcome, StoreParts* parts) override;

 private:
  CheckpointJob job_;
};

class ListOperation final : public Operation {
 public:
  ListOperation(std::shared_ptr<KeptModel> model, OnListed done)
      : Operation(std::move(model)), done_(std::move(done)) {}

  bool changes() const override { return false; }
  void Finish(const absl::Status& outcome, StoreParts* parts) override;

 private:
  OnListed done_;
};

class LoadOperation final : public Operation {
 public:
  LoadOperation(std::shared_ptr<KeptModel> model, std::int64_t step, OnLoaded done)
      : Operation(std::move(model)), step_(step), done_(std::move(done)) {}

  bool changes() const override { return false; }
  void Finish(const absl::Status& outcome, StoreParts* parts) override;

 private:
  const std::int64_t step_;
  OnLoaded done_;
};

class EvaluationOperation final : public Operation {
 public:
  EvaluationOperation(std::shared_ptr<KeptModel> model, EvaluationRecord evaluation)
      : Operation(std::move(model)), evaluation_(std::move(evaluation)) {}

  bool changes() const override { return false; }
  void Finish(const absl::Status& outcome, StoreParts* parts) override;

 private:
  EvaluationRecord evaluation_;
};

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_JOURNAL_OPERATIONS_H_
