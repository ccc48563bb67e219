// What a model's calls other than Append become. See store.h for what each call means.

#ifndef SERVER_STORE_SQLITE_JOURNAL_OPERATIONS_H_
#define SERVER_STORE_SQLITE_JOURNAL_OPERATIONS_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "server/store/sqlite/checkpoint_writer.h"
#include "server/store/sqlite/kept_model.h"
#include "server/store/sqlite/operation.h"
#include "server/store/sqlite/removal.h"
#include "server/store/store.h"

namespace descent::store {

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

}  // namespace descent::store

#endif  // SERVER_STORE_SQLITE_JOURNAL_OPERATIONS_H_
