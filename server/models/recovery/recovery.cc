#include "server/models/recovery/recovery.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/node_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "core/status_macros.h"
#include "server/models/errors.h"
#include "server/models/requests/answer_log.h"
#include "server/models/state/trained_model.h"
#include "server/store/errors.h"

namespace descent::models {
namespace {

// What is stored and what comes of it disagree.
absl::Status Damaged(absl::string_view what) {
  return store::StoredStateDamaged({what.data(), what.size()});
}

// An error of the engine about stored numbers means that they are not what was stored; want of
// memory and of the store itself do not.
absl::Status AsDamage(const absl::Status& status, absl::string_view where) {
  if (status.ok() || absl::IsDataLoss(status) || absl::IsResourceExhausted(status) ||
      absl::IsUnavailable(status)) {
    return status;
  }
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
    update_time_ = is_initial ? stored_->create_time() : image.update_time;
    Remember(image);
    auto model =
        TrainedModel::Create(std::move(image), resources_->memory.get(), &resources_->update_pool);
    if (!model.ok()) {
      return AsDamage(model.status(), is_initial ? "the settings" : "the checkpoint");
    }
    model_ = std::make_unique<TrainedModel>(*std::move(model));
    return is_initial ? CheckHash(stored_->InitialStateHash()) : absl::OkStatus();
  }

  absl::Status Apply(const store::UpdateRecord& record) {
    const std::string where = absl::StrCat("the record of step ", record.result.step);
    const auto find_checkpoint = [&](std::int64_t id) -> absl::StatusOr<store::ModelImage> {
      ASSIGN_OR_RETURN(store::ModelImage image, stored_->Checkpoint(id));
      // The model's sessions are those of the checkpoint again.
      sessions_.clear();
      for (store::SessionRecord& session : image.sessions) {
        sessions_[session.id] = std::move(session);
      }
      return image;
    };
    RETURN_IF_ERROR(AsDamage(model_->Replay(record, find_checkpoint), where));
    if (model_->step() != record.result.step) {
      return Damaged(absl::StrCat(where, ": applying it led to step ", model_->step()));
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
        .parts = {.model = std::move(*model_),
                  .create_time = stored_->create_time(),
                  .update_time = update_time_,
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
  absl::Status CheckHash(const std::optional<std::uint64_t>& expected) {
    if (!expected.has_value()) return absl::OkStatus();
    if (*expected == model_->trainer().StateHash()) {
      ++compared_hashes_;
      return absl::OkStatus();
    }
    return Damaged(absl::StrCat("the state at step ", model_->step(),
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
    return AnswerOf(Describe(*model_, stored_->create_time(), update_time_));
  }

  store::StoredModel* const stored_;
  Resources* const resources_;

  std::unique_ptr<TrainedModel> model_;  // from Begin to Finish
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
    ASSIGN_OR_RETURN(const std::vector<store::UpdateRecord> records, stored->NextRecords());
    if (records.empty()) break;
    for (const store::UpdateRecord& record : records) {
      if (stop.load(std::memory_order_relaxed)) {
        return absl::CancelledError("the server stops before the model is recovered");
      }
      RETURN_IF_ERROR(replay.Apply(record));
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
