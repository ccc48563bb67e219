#include "server/models/recovery.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/node_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "core/network.h"
#include "core/status_macros.h"
#include "core/trainer.h"
#include "server/models/answer_log.h"
#include "server/models/errors.h"
#include "server/models/model_bytes.h"
#include "server/store/errors.h"

namespace descent::models {
namespace {

// What is stored and what comes of it disagree.
absl::Status Damaged(absl::string_view what) {
  return store::StoredStateDamaged({what.data(), what.size()});
}

// An error of the engine about stored numbers means that they are not what was stored.
absl::Status AsDamage(const absl::Status& status, absl::string_view where) {
  if (status.ok() || absl::IsDataLoss(status)) return status;
  return Damaged(absl::StrCat(where, ": ", status.message()));
}

// The model as it becomes, record by record.
class Replay {
 public:
  Replay(store::StoredModel* stored, Resources* resources)
      : stored_(stored),
        resources_(resources),
        answers_(resources->options.request_window, resources->options.request_window_age,
                 resources->options.request_window_bytes, resources->ForAnswers()) {}

  // Begins from the stored base.
  absl::Status Begin() {
    ASSIGN_OR_RETURN(store::ModelImage image, stored_->Base());
    const bool is_initial = !image.state.parameters;
    auto network = Network::Create(image.settings.network);
    if (!network.ok()) return AsDamage(network.status(), "the network");
    network_ = *std::move(network);
    const auto bytes = EstimateModelBytes(*network_, image.settings);
    if (!bytes.ok()) return AsDamage(bytes.status(), "the optimizer");
    ASSIGN_OR_RETURN(memory_, resources_->memory->Reserve(MemoryPurpose::kModels, *bytes));
    auto trainer = Trainer::Create(network_, image.settings.optimizer, &resources_->update_pool);
    if (!trainer.ok()) return AsDamage(trainer.status(), "the optimizer");
    trainer_ = *std::move(trainer);
    update_time_ = is_initial ? stored_->create_time() : image.update_time;
    last_loss_ = image.last_loss;
    settings_ = std::move(image.settings);
    Remember(image);
    if (is_initial) return CheckHash(stored_->InitialStateHash());
    return AsDamage(trainer_->SetState(std::move(image.state)), "the checkpoint");
  }

  absl::Status Apply(store::UpdateRecord record) {
    const std::string where = absl::StrCat("the record of step ", record.result.step);
    RETURN_IF_ERROR(AsDamage(
        std::visit([&](auto& update) { return ApplyUpdate(update, record); }, record.update),
        where));
    if (trainer_->step() != record.result.step) {
      return Damaged(absl::StrCat(where, ": applying it led to step ", trainer_->step()));
    }
    RETURN_IF_ERROR(CheckHash(record.state_hash));
    update_time_ = record.time;
    ++updates_;
    if (record.session.has_value()) {
      sessions_[record.session->session_id] = {.id = record.session->session_id,
                                               .next_sequence = record.session->sequence + 1,
                                               .last_step = record.result.step,
                                               .last_used = record.time};
    }
    if (record.request.has_value()) answers_.Add(AnswerTo(record, *record.request));
    return absl::OkStatus();
  }

  std::int64_t updates() const { return updates_; }

  RecoveredModel Finish() {
    RecoveredModel recovered{
        .parts = {.network = std::move(network_),
                  .trainer = std::move(trainer_),
                  .settings = std::move(settings_),
                  .create_time = stored_->create_time(),
                  .update_time = update_time_,
                  .last_loss = last_loss_,
                  .memory = std::move(memory_),
                  .journal = nullptr},
        .remembered = {.sessions = {}, .answers = answers_.Records(), .checkpoints = {}},
        .replayed = {.updates = updates_,
                     .compared_hashes = compared_hashes_,
                     .of_other_engines = stored_->records_of_other_engines()}};
    for (auto& [id, session] : sessions_) {
      recovered.remembered.sessions.push_back(std::move(session));
    }
    return recovered;
  }

 private:
  absl::Status ApplyUpdate(const store::BatchUpdate& update,
                           const store::UpdateRecord& /*record*/) {
    RETURN_IF_ERROR(network_->ValidateBatch(update.batch));
    ASSIGN_OR_RETURN(const UpdateResult result, trainer_->Step(update.batch, update.learning_rate));
    last_loss_ = result.loss;
    return absl::OkStatus();
  }

  absl::Status ApplyUpdate(const store::GradientsUpdate& update,
                           const store::UpdateRecord& /*record*/) {
    RETURN_IF_ERROR(CheckLayout(update.gradients));
    return trainer_->ApplyGradients(update.gradients, update.learning_rate).status();
  }

  absl::Status ApplyUpdate(const store::ParametersUpdate& update,
                           const store::UpdateRecord& /*record*/) {
    RETURN_IF_ERROR(CheckLayout(update.parameters));
    return trainer_->SetParameters(update.parameters, update.keep_optimizer_state);
  }

  absl::Status ApplyUpdate(store::SettingsUpdate& update, const store::UpdateRecord& /*record*/) {
    RETURN_IF_ERROR(trainer_->SetOptimizer(update.settings.optimizer));
    settings_ = std::move(update.settings);
    return absl::OkStatus();
  }

  absl::Status ApplyUpdate(const store::RestoreUpdate& update,
                           const store::UpdateRecord& /*record*/) {
    ASSIGN_OR_RETURN(store::ModelImage image, stored_->Checkpoint(update.checkpoint_id));
    RETURN_IF_ERROR(BecomeImage(std::move(image.state), image.settings.optimizer, trainer_.get()));
    settings_.optimizer = image.settings.optimizer;
    last_loss_ = image.last_loss;
    sessions_.clear();
    for (store::SessionRecord& session : image.sessions) {
      sessions_[session.id] = std::move(session);
    }
    return absl::OkStatus();
  }

  absl::Status ApplyUpdate(const store::CheckpointDeletion& /*update*/,
                           const store::UpdateRecord& /*record*/) {
    return absl::OkStatus();
  }

  absl::Status CheckLayout(const Buffer& values) const {
    if (values.type() == network_->data_type() && values.size() == network_->layout().size()) {
      return absl::OkStatus();
    }
    return Damaged("values that do not fit the network");
  }

  absl::Status CheckHash(const std::optional<std::uint64_t>& expected) {
    if (!expected.has_value()) return absl::OkStatus();
    if (*expected == trainer_->StateHash()) {
      ++compared_hashes_;
      return absl::OkStatus();
    }
    return Damaged(absl::StrCat("the state at step ", trainer_->step(),
                                " is not the one whose hash was recorded"));
  }

  void Remember(store::ModelImage& image) {
    for (store::SessionRecord& session : image.sessions) {
      sessions_[session.id] = std::move(session);
    }
    for (store::RememberedAnswer& answer : image.answers) answers_.Add(std::move(answer));
  }

  store::RememberedAnswer AnswerTo(const store::UpdateRecord& record,
                                   const store::AnsweredRequest& request) const {
    store::RememberedAnswer remembered{
        .request = request, .time = record.time, .method = {}, .answer = {}};
    const auto set = [&](std::string_view method, auto answer) {
      remembered.method = std::string(method);
      remembered.answer = std::move(answer);
    };
    if (std::holds_alternative<store::SettingsUpdate>(record.update)) {
      set(kUpdateModel, Description());
    } else if (std::holds_alternative<store::RestoreUpdate>(record.update)) {
      set(kRestoreCheckpoint, Description());
    } else if (std::holds_alternative<store::CheckpointDeletion>(record.update)) {
      set(kDeleteCheckpoint, store::DeletionAnswer());
    } else if (std::holds_alternative<store::ParametersUpdate>(record.update)) {
      set(kSetParameters, store::UpdateAnswer{record.result});
    } else {
      set(kStep, store::UpdateAnswer{record.result});
    }
    return remembered;
  }

  store::ModelAnswer Description() const {
    return {.settings = settings_,
            .step = trainer_->step(),
            .create_time = stored_->create_time(),
            .update_time = update_time_,
            .last_loss = last_loss_,
            .state_hash = trainer_->StateHash()};
  }

  store::StoredModel* const stored_;
  Resources* const resources_;

  std::shared_ptr<const Network> network_;
  MemoryCharge memory_;
  std::unique_ptr<Trainer> trainer_;
  ModelSettings settings_;
  double last_loss_ = 0;
  absl::Time update_time_;
  std::int64_t updates_ = 0;
  std::int64_t compared_hashes_ = 0;
  absl::node_hash_map<std::string, store::SessionRecord> sessions_;
  AnswerLog answers_;
};

// The checkpoints that answers to CreateCheckpoint speak of.
std::vector<store::CheckpointInfo> Checkpoints(const Remembered& remembered,
                                               store::Journal* journal) {
  std::vector<store::CheckpointInfo> checkpoints;
  const auto speaks_of_one = [](const store::RememberedAnswer& answer) {
    return std::holds_alternative<store::CheckpointAnswer>(answer.answer);
  };
  if (std::none_of(remembered.answers.begin(), remembered.answers.end(), speaks_of_one)) {
    return checkpoints;
  }
  absl::Notification listed;
  journal->ListCheckpoints([&](absl::StatusOr<std::vector<store::CheckpointInfo>> infos) {
    if (infos.ok()) checkpoints = *std::move(infos);
    listed.Notify();
  });
  listed.WaitForNotification();
  return checkpoints;
}

}  // namespace

absl::StatusOr<RecoveredModel> RecoverModel(
    store::StoredModel* stored, Resources* resources, const std::atomic<bool>& stop,
    absl::FunctionRef<void(std::int64_t replayed)> progress) {
  Replay replay(stored, resources);
  RETURN_IF_ERROR(replay.Begin());
  for (;;) {
    ASSIGN_OR_RETURN(std::vector<store::UpdateRecord> records, stored->NextRecords());
    if (records.empty()) break;
    for (store::UpdateRecord& record : records) {
      if (stop.load(std::memory_order_relaxed)) {
        return absl::CancelledError("the server stops before the model is recovered");
      }
      RETURN_IF_ERROR(replay.Apply(std::move(record)));
    }
    progress(replay.updates());
  }
  RecoveredModel recovered = replay.Finish();
  recovered.parts.journal = stored->TakeJournal();
  recovered.remembered.checkpoints =
      Checkpoints(recovered.remembered, recovered.parts.journal.get());
  return recovered;
}

}  // namespace descent::models
