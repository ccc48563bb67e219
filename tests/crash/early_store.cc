#include "tests/crash/early_store.h"

#include <string>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "server/store/sqlite/sqlite_store.h"

namespace descent::crash {
namespace {

class EarlyJournal final : public store::Journal {
 public:
  explicit EarlyJournal(std::unique_ptr<store::Journal> journal) : journal_(std::move(journal)) {}

  void Append(store::UpdateRecord record, store::Publish publish, store::OnStored done) override {
    const std::int64_t step = record.result.step;
    journal_->Append(std::move(record), nullptr, [](const absl::StatusOr<std::int64_t>&) {});
    step_ = step;
    if (publish) std::move(publish)(step);
    std::move(done)(step);
  }
  void Sync(store::OnStored done) override { std::move(done)(step_); }
  void Remove(std::optional<store::AnsweredRequest> request, store::OnStored done) override {
    journal_->Remove(std::move(request), std::move(done));
  }
  absl::Status status() const override { return journal_->status(); }
  bool WantsCheckpoint() const override { return journal_->WantsCheckpoint(); }
  void SaveCheckpoint(store::ModelImage image, bool requested, store::OnSaved done) override {
    journal_->SaveCheckpoint(std::move(image), requested, std::move(done));
  }
  void ListCheckpoints(store::OnListed done) override {
    journal_->ListCheckpoints(std::move(done));
  }
  void LoadCheckpoint(std::int64_t step, store::OnLoaded done) override {
    journal_->LoadCheckpoint(step, std::move(done));
  }

 private:
  const std::unique_ptr<store::Journal> journal_;
  std::int64_t step_ = 0;
};

class EarlyStoredModel final : public store::StoredModel {
 public:
  explicit EarlyStoredModel(std::unique_ptr<store::StoredModel> model) : model_(std::move(model)) {}

  const std::string& name() const override { return model_->name(); }
  absl::Time create_time() const override { return model_->create_time(); }
  absl::StatusOr<store::ModelImage> Base() override { return model_->Base(); }
  std::optional<std::uint64_t> InitialStateHash() const override {
    return model_->InitialStateHash();
  }
  std::int64_t records_of_other_engines() const override {
    return model_->records_of_other_engines();
  }
  absl::StatusOr<std::vector<store::UpdateRecord>> NextRecords() override {
    return model_->NextRecords();
  }
  absl::StatusOr<store::ModelImage> Checkpoint(std::int64_t id) override {
    return model_->Checkpoint(id);
  }
  std::int64_t remaining_bytes() const override { return model_->remaining_bytes(); }
  std::unique_ptr<store::Journal> TakeJournal() override {
    return std::make_unique<EarlyJournal>(model_->TakeJournal());
  }

 private:
  const std::unique_ptr<store::StoredModel> model_;
};

class EarlyStore final : public store::Store {
 public:
  explicit EarlyStore(std::unique_ptr<store::Store> store) : store_(std::move(store)) {}

  void CreateModel(const store::ModelSettings& settings, const store::ModelAnswer& answer,
                   std::optional<store::AnsweredRequest> request, OnCreated done) override {
    store_->CreateModel(
        settings, answer, std::move(request),
        [done = std::move(done)](absl::StatusOr<std::unique_ptr<store::Journal>> journal) mutable {
          if (!journal.ok()) {
            std::move(done)(std::move(journal).status());
          } else {
            std::move(done)(std::make_unique<EarlyJournal>(*std::move(journal)));
          }
        });
  }
  std::vector<std::unique_ptr<store::StoredModel>> TakeStoredModels() override {
    std::vector<std::unique_ptr<store::StoredModel>> models;
    for (auto& model : store_->TakeStoredModels()) {
      models.push_back(std::make_unique<EarlyStoredModel>(std::move(model)));
    }
    return models;
  }
  absl::StatusOr<std::unique_ptr<store::StoredModel>> Find(const std::string& name) override {
    ASSIGN_OR_RETURN(auto model, store_->Find(name));
    return std::make_unique<EarlyStoredModel>(std::move(model));
  }
  absl::StatusOr<std::vector<store::RememberedAnswer>> RegistryAnswers() override {
    return store_->RegistryAnswers();
  }
  absl::Status status() const override { return store_->status(); }
  void MakeBackup(store::OnBackup done) override { store_->MakeBackup(std::move(done)); }
  void NotifyStatus(OnStatus on_status) override { store_->NotifyStatus(std::move(on_status)); }

 private:
  const std::unique_ptr<store::Store> store_;
};

}  // namespace

std::unique_ptr<store::Store> MakeEarlyStore(std::unique_ptr<store::Store> store) {
  return std::make_unique<EarlyStore>(std::move(store));
}

absl::StatusOr<std::unique_ptr<store::Store>> OpenEarlyStore(
    const store::SqliteStoreOptions& options) {
  ASSIGN_OR_RETURN(auto store, store::OpenSqliteStore(options));
  return MakeEarlyStore(std::move(store));
}

}  // namespace descent::crash
