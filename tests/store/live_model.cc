#include "tests/store/live_model.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/check.h"
#include "core/status_macros.h"

namespace descent::store {
namespace {

constexpr std::size_t kRememberedRequests = 64;

// More than any test's models take.
constexpr std::size_t kMemoryBytes = std::size_t{1} << 40;

models::TrainedModel MakeModel(ModelImage image, models::MemoryBudget* memory) {
  auto model = models::TrainedModel::Create(std::move(image), memory, nullptr);
  DESCENT_CHECK(model.ok());
  return *std::move(model);
}

TrainerState CloneOf(const TrainerState& state) {
  TrainerState clone{.step = state.step,
                     .optimizer_updates = state.optimizer_updates,
                     .parameters = state.parameters,
                     .slots = {},
                     .scalars = state.scalars};
  for (const Buffer& slot : state.slots) clone.slots.push_back(slot.Clone());
  return clone;
}

// Numbers where the layout has parameters, zeros in the gaps.
Buffer LaidOut(const Network& network, std::uint64_t seed) {
  const Buffer initial = network.InitialParameters();
  Buffer values(initial.type(), initial.size());
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (const ParameterInfo& parameter : network.layout().parameters()) {
    for (std::int64_t i = 0; i < parameter.size; ++i) {
      values.Set(parameter.offset + i, uniform(random));
    }
  }
  return values;
}

}  // namespace

void PrintTo(const ModelState& state, std::ostream* stream) {
  *stream << "step " << state.step << " hash " << state.hash << " learning rate "
          << state.learning_rate << " durability " << static_cast<int>(state.durability)
          << " history of " << state.history.points.size();
  for (const auto& [id, next] : state.sessions) *stream << " session " << id << " at " << next;
  for (const std::string& id : state.requests) *stream << " request " << id;
}

LiveModel::LiveModel(ModelImage image)
    : memory_(models::MemoryBudget::Create(kMemoryBytes)),
      model_(MakeModel({.settings = std::move(image.settings),
                        .state = std::move(image.state),
                        .last_loss = image.last_loss,
                        .update_time = image.update_time,
                        .history = std::move(image.history),
                        .sessions = {},
                        .answers = {}},
                       memory_.get())),
      image_({.settings = {},
              .state = {},
              .last_loss = 0,
              .update_time = image.update_time,
              .history = {},
              .sessions = std::move(image.sessions),
              .answers = std::move(image.answers)}) {}

absl::StatusOr<std::unique_ptr<LiveModel>> LiveModel::Create(
    Store* store, const ModelSettings& settings, std::optional<AnsweredRequest> request) {
  ModelImage image;
  image.settings = settings;
  auto model = std::make_unique<LiveModel>(std::move(image));
  const absl::Time now = absl::Now();
  const ModelAnswer answer{.settings = settings,
                           .step = 0,
                           .create_time = now,
                           .update_time = now,
                           .last_loss = 0,
                           .state_hash = model->model_.trainer().StateHash()};
  ASSIGN_OR_RETURN(model->journal_, Await<std::unique_ptr<Journal>>([&](Store::OnCreated done) {
                     store->CreateModel(settings, answer, std::move(request), std::move(done));
                   }));
  return model;
}

absl::StatusOr<std::unique_ptr<LiveModel>> LiveModel::Recover(StoredModel* stored) {
  ASSIGN_OR_RETURN(ModelImage base, stored->Base());
  const bool is_initial = !base.state.parameters;
  auto model = std::make_unique<LiveModel>(std::move(base));
  if (is_initial && stored->InitialStateHash().has_value() &&
      *stored->InitialStateHash() != model->model_.trainer().StateHash()) {
    return absl::InternalError("the initial state has another hash");
  }
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<UpdateRecord> records, stored->NextRecords());
    if (records.empty()) break;
    for (const UpdateRecord& record : records) RETURN_IF_ERROR(model->Apply(record, stored));
  }
  if (stored->remaining_bytes() < 0) return absl::InternalError("more was read than there is");
  model->journal_ = stored->TakeJournal();
  return model;
}

absl::Status LiveModel::Apply(const UpdateRecord& record, StoredModel* stored) {
  RETURN_IF_ERROR(
      model_.Replay(record, [stored](std::int64_t id) { return stored->Checkpoint(id); }));
  if (std::holds_alternative<BatchUpdate>(record.update) &&
      model_.last_loss() != record.result.loss) {
    return absl::InternalError("another loss");
  }
  if (model_.step() != record.result.step) return absl::InternalError("another step");
  if (record.state_hash.has_value() && *record.state_hash != model_.trainer().StateHash()) {
    return absl::InternalError("another hash");
  }
  Remember(record);
  return absl::OkStatus();
}

void LiveModel::Remember(const UpdateRecord& record) {
  image_.update_time = record.time;
  if (record.session.has_value()) {
    auto session = std::find_if(
        image_.sessions.begin(), image_.sessions.end(),
        [&](const SessionRecord& known) { return known.id == record.session->session_id; });
    if (session == image_.sessions.end()) {
      session = image_.sessions.insert(session, {.id = record.session->session_id,
                                                 .next_sequence = 1,
                                                 .last_step = 0,
                                                 .last_used = record.time});
    }
    session->next_sequence = record.session->sequence + 1;
    session->last_step = record.result.step;
    session->last_used = record.time;
  }
  if (record.request.has_value()) {
    image_.answers.push_back({.request = *record.request,
                              .time = record.time,
                              .method = "Step",
                              .answer = UpdateAnswer{record.result}});
    if (image_.answers.size() > kRememberedRequests) {
      image_.answers.erase(image_.answers.begin());
    }
  }
}

ModelState LiveModel::State() const {
  ModelState state{.step = model_.step(),
                   .hash = model_.trainer().StateHash(),
                   .learning_rate = settings().optimizer.learning_rate,
                   .durability = settings().durability,
                   .history = model_.history(),
                   .sessions = {},
                   .requests = {}};
  for (const SessionRecord& session : image_.sessions) {
    state.sessions.emplace_back(session.id, session.next_sequence);
  }
  for (const RememberedAnswer& answer : image_.answers) state.requests.push_back(answer.request.id);
  return state;
}

ModelImage LiveModel::Image() const {
  return {.settings = settings(),
          .state = CloneOf(model_.trainer().GetState()),
          .last_loss = model_.last_loss(),
          .update_time = image_.update_time,
          .history = model_.history(),
          .sessions = image_.sessions,
          .answers = image_.answers};
}

void LiveModel::Append(Update update, UpdateResult result, std::int64_t rows, OnStored done,
                       std::optional<SessionPosition> session,
                       std::optional<AnsweredRequest> request) {
  result.step = model_.step();
  UpdateRecord record{.time = absl::Now(),
                      .update = std::move(update),
                      .session = std::move(session),
                      .request = std::move(request),
                      .result = result,
                      .rows = rows,
                      .state_hash = model_.trainer().StateHash()};
  model_.Record(record.update, record.time, record.result, record.rows);
  Remember(record);
  journal_->Append(std::move(record), nullptr, std::move(done));
}

void LiveModel::Step(std::uint64_t seed, OnStored done, std::optional<SessionPosition> session,
                     std::optional<AnsweredRequest> request, std::int64_t rows) {
  Batch batch = testing::RandomBatch(network().spec(), rows, seed);
  const auto result = model_.Step(batch, std::nullopt);
  DESCENT_CHECK(result.ok());
  Append(BatchUpdate{std::move(batch), std::nullopt}, *result, rows, std::move(done),
         std::move(session), std::move(request));
}

void LiveModel::ApplyGradients(std::uint64_t seed, OnStored done) {
  Buffer gradients = LaidOut(network(), seed);
  const auto result = model_.ApplyGradients(gradients, {}, 1e-3);
  DESCENT_CHECK(result.ok());
  Append(GradientsUpdate{std::move(gradients), {}, 1e-3}, *result, 0, std::move(done));
}

void LiveModel::SetParameters(std::uint64_t seed, OnStored done) {
  Buffer parameters = LaidOut(network(), seed);
  DESCENT_CHECK(model_.SetParameters(parameters, seed % 2 == 0).ok());
  Append(ParametersUpdate{std::move(parameters), seed % 2 == 0}, {}, 0, std::move(done));
}

void LiveModel::ChangeSettings(const ModelSettings& settings, OnStored done) {
  DESCENT_CHECK(model_.SetSettings(settings).ok());
  Append(SettingsUpdate{settings}, {}, 0, std::move(done));
}

void LiveModel::Restore(LoadedCheckpoint checkpoint, OnStored done) {
  const std::int64_t id = checkpoint.id;
  DESCENT_CHECK(model_.Restore(std::move(checkpoint.image)).ok());
  Append(RestoreUpdate{id}, {}, 0, std::move(done));
}

void LiveModel::DeleteCheckpoint(std::int64_t step, OnStored done) {
  Append(CheckpointDeletion{step}, {}, 0, std::move(done));
}

absl::StatusOr<std::int64_t> LiveModel::StepNow(std::uint64_t seed) {
  return Await<std::int64_t>([&](OnStored done) { Step(seed, std::move(done)); });
}

absl::StatusOr<std::int64_t> LiveModel::ChangeSettingsNow(const ModelSettings& settings) {
  return Await<std::int64_t>([&](OnStored done) { ChangeSettings(settings, std::move(done)); });
}

absl::StatusOr<CheckpointInfo> LiveModel::SaveNow(bool requested) {
  return Await<CheckpointInfo>(
      [&](OnSaved done) { journal_->SaveCheckpoint(Image(), requested, std::move(done)); });
}

absl::StatusOr<std::vector<CheckpointInfo>> LiveModel::ListNow() {
  return Await<std::vector<CheckpointInfo>>(
      [&](OnListed done) { journal_->ListCheckpoints(std::move(done)); });
}

absl::StatusOr<LoadedCheckpoint> LiveModel::LoadNow(std::int64_t step) {
  return Await<LoadedCheckpoint>(
      [&](OnLoaded done) { journal_->LoadCheckpoint(step, std::move(done)); });
}

absl::StatusOr<std::int64_t> LiveModel::RestoreNow(std::int64_t step) {
  ASSIGN_OR_RETURN(LoadedCheckpoint loaded, LoadNow(step));
  return Await<std::int64_t>([&](OnStored done) { Restore(std::move(loaded), std::move(done)); });
}

absl::StatusOr<std::vector<std::unique_ptr<LiveModel>>> RecoverAll(Store* store) {
  std::vector<std::unique_ptr<LiveModel>> models;
  for (const auto& stored : store->TakeStoredModels()) {
    ASSIGN_OR_RETURN(models.emplace_back(), LiveModel::Recover(stored.get()));
  }
  return models;
}

}  // namespace descent::store
