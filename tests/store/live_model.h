// A model that trains on a store as the server's do, and one that was recovered from it.

#ifndef TESTS_STORE_LIVE_MODEL_H_
#define TESTS_STORE_LIVE_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "server/models/state/trained_model.h"
#include "server/models/work/memory_budget.h"
#include "server/store/store.h"
#include "tests/support/random_network.h"

namespace descent::store {

// Calls what takes a callback and waits for it.
template <typename T, typename Call>
absl::StatusOr<T> Await(const Call& call) {
  absl::StatusOr<T> result = absl::UnknownError("never called back");
  absl::Notification done;
  call([&](absl::StatusOr<T> value) {
    result = std::move(value);
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

inline ModelSettings SampleSettings(const std::string& name,
                                    Durability durability = Durability::kJournal,
                                    const std::vector<std::int64_t>& widths = {8, 2}) {
  ModelSettings settings;
  settings.name = name;
  settings.network = testing::DenseNetwork(/*inputs=*/5, widths, TanhActivation{},
                                           MeanSquaredErrorLoss{}, DataType::kFloat32);
  settings.optimizer.learning_rate = 1e-2;
  settings.optimizer.algorithm = AdamOptions{};
  settings.durability = durability;
  return settings;
}

// What two models must have in common to be the same: everything that recovery promises.
struct ModelState {
  std::int64_t step = 0;
  std::uint64_t hash = 0;
  double learning_rate = 0;  // of the settings
  Durability durability = Durability::kJournal;
  History history;
  std::vector<std::pair<std::string, std::int64_t>> sessions;  // id, next sequence
  std::vector<std::string> requests;                           // ids, oldest first

  bool operator==(const ModelState&) const = default;
};
void PrintTo(const ModelState& state, std::ostream* stream);

// Applies updates as the server does, live or again.
class LiveModel {
 public:
  // The state of `image`, or the initial one if it has no parameters.
  explicit LiveModel(ModelImage image);

  // Makes the model in the store.
  static absl::StatusOr<std::unique_ptr<LiveModel>> Create(
      Store* store, const ModelSettings& settings,
      std::optional<AnsweredRequest> request = std::nullopt);
  // Recovers it, comparing every hash there is.
  static absl::StatusOr<std::unique_ptr<LiveModel>> Recover(StoredModel* stored);

  Journal& journal() { return *journal_; }
  std::unique_ptr<Journal> TakeJournal() { return std::move(journal_); }
  std::int64_t step() const { return model_.step(); }
  const Network& network() const { return *model_.network(); }
  ModelState State() const;
  ModelImage Image() const;

  // Each applies an update and appends it. `seed` decides the numbers.
  void Step(std::uint64_t seed, OnStored done, std::optional<SessionPosition> session = {},
            std::optional<AnsweredRequest> request = {}, std::int64_t rows = 4);
  void ApplyGradients(std::uint64_t seed, OnStored done);
  void SetParameters(std::uint64_t seed, OnStored done);
  void ChangeSettings(const ModelSettings& settings, OnStored done);
  void Restore(LoadedCheckpoint checkpoint, OnStored done);
  void DeleteCheckpoint(std::int64_t step, OnStored done);

  // The same, waiting for the callback.
  absl::StatusOr<std::int64_t> StepNow(std::uint64_t seed);
  absl::StatusOr<std::int64_t> ChangeSettingsNow(const ModelSettings& settings);
  absl::StatusOr<CheckpointInfo> SaveNow(bool requested);
  absl::StatusOr<std::vector<CheckpointInfo>> ListNow();
  absl::StatusOr<LoadedCheckpoint> LoadNow(std::int64_t step);
  absl::StatusOr<std::int64_t> RestoreNow(std::int64_t step);

  const ModelSettings& settings() const { return model_.settings(); }

 private:
  absl::Status Apply(const UpdateRecord& record, StoredModel* stored);
  void Append(Update update, UpdateResult result, std::int64_t rows, OnStored done,
              std::optional<SessionPosition> session = {},
              std::optional<AnsweredRequest> request = {});
  void Remember(const UpdateRecord& record);

  std::shared_ptr<models::MemoryBudget> memory_;
  models::TrainedModel model_;
  ModelImage image_;  // without what is in model_
  std::unique_ptr<Journal> journal_;
};

// Recovers all models that were in the store when it was opened, by name.
absl::StatusOr<std::vector<std::unique_ptr<LiveModel>>> RecoverAll(Store* store);

}  // namespace descent::store

#endif  // TESTS_STORE_LIVE_MODEL_H_
