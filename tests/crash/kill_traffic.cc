#include "tests/crash/kill_traffic.h"

#include <sstream>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "server/wire/decode.h"
#include "tests/services/messages.h"

namespace descent::crash {
namespace {

using testing::CallStatus;
using testing::FromText;

constexpr char kRequests[] = "requests";
constexpr int kRows = 8;
// Batches of a session that are not acknowledged. With more, many orders would have to be tried.
constexpr std::int64_t kWindow = 4;
constexpr std::int64_t kStepsBetweenCheckpoints = 25;
constexpr std::size_t kMostCheckpoints = 3;

TrafficModel MakeModel(const std::string& name, const std::string& optimizer,
                       std::vector<std::string> sessions, bool makes_checkpoints) {
  TrafficModel model;
  model.create = FromText<v1::CreateModelRequest>(absl::StrCat(R"(
    model {
      network {
        input_features: 6
        layers { dense { units: 8 activation { kind: ACTIVATION_KIND_TANH } } }
        layers { dropout { rate: 0.2 } }
        layers { residual { layers { layer_norm {} } layers { dense { units: 8 } } } }
        layers { dense { units: 2 } }
        loss { kind: LOSS_KIND_MEAN_SQUARED_ERROR }
        input_normalization { half_life_rows: 1000 }
      }
      optimizer {)",
                                                               optimizer, R"(}
    })"));
  model.create.mutable_model()->set_name(name);
  model.create.set_request_id(absl::StrCat("create-", name));
  model.sessions = std::move(sessions);
  model.makes_checkpoints = makes_checkpoints;
  return model;
}

std::shared_ptr<const Network> NetworkOf(const v1::CreateModelRequest& request) {
  const auto command = wire::Decode(request);
  DESCENT_CHECK(command.ok());
  return *Network::Create(command->settings.network);
}

std::unique_ptr<Trainer> TrainerOf(const v1::CreateModelRequest& request,
                                   std::shared_ptr<const Network> network) {
  return *Trainer::Create(std::move(network), wire::Decode(request)->settings.optimizer,
                          /*pool=*/nullptr);
}

}  // namespace

std::vector<TrafficModel> MakeTrafficModels() {
  const std::string adam =
      "learning_rate: 0.01 adam {} schedule { cosine { period: 50 period_multiplier: 2 } "
      "warmup_steps: 20 } clip_norm: 1";
  std::vector<TrafficModel> models;
  models.push_back(
      MakeModel("two-sessions", "learning_rate: 0.01 sgd { momentum: 0.9 }", {"a", "b"}, false));
  models.push_back(MakeModel("adam", adam, {"c"}, true));
  models.push_back(MakeModel("steps", "learning_rate: 0.01 rmsprop {}", {}, true));
  return models;
}

KillTraffic::KillTraffic(TrafficModel model)
    : model_(std::move(model)),
      network_(NetworkOf(model_.create)),
      ledger_(TrainerOf(model_.create, network_),
              [this](const SourceUpdate& update) { return CoreBatch(update); }) {}

std::vector<std::string> KillTraffic::problems() const {
  const absl::MutexLock lock(&mutex_);
  return problems_;
}

v1::Batch KillTraffic::WireBatch(const SourceUpdate& update) const {
  const auto seed = static_cast<unsigned>(
      std::hash<std::string>()(absl::StrCat(name(), update.source, update.number)));
  v1::Batch batch;
  *batch.mutable_inputs() = testing::RandomTensor({kRows, 6}, seed);
  *batch.mutable_targets() = testing::RandomTensor({kRows, 2}, seed + 1);
  return batch;
}

Batch KillTraffic::CoreBatch(const SourceUpdate& update) const {
  auto command = wire::Decode(testing::StepOf(name(), WireBatch(update)), *network_);
  DESCENT_CHECK(command.ok());
  return std::get<Batch>(std::move(command->update));
}

v1::StepRequest KillTraffic::RequestOf(std::int64_t number) const {
  v1::StepRequest request = testing::StepOf(name(), WireBatch({kRequests, number}));
  request.set_request_id(absl::StrCat("step-", number));
  return request;
}

bool KillTraffic::Fail(const std::string& problem) {
  const absl::MutexLock lock(&mutex_);
  problems_.push_back(absl::StrCat("model ", name(), ": ", problem));
  return false;
}

bool KillTraffic::FailWithLoss(const std::string& problem) {
  return Fail(absl::StrCat(kLoss, ", ", problem));
}

bool KillTraffic::Holds(const absl::Status& status) {
  return status.ok() || FailWithLoss(std::string(status.message()));
}

bool KillTraffic::Succeeded(const CallStatus& status, const std::string& what) {
  if (status.ok()) return true;
  if (life_->killed) return false;
  std::ostringstream text;
  text << what << " failed: " << status;
  return Fail(text.str());
}

void KillTraffic::Run(ServerLife* life) {
  life_ = life;
  client_ = std::make_unique<testing::ServiceClient>(life->address);
  if (!is_created_ && !Create()) return;
  is_created_ = true;
  std::vector<Attached> sessions;
  if (!CheckRecovered(&sessions)) return;
  std::vector<std::thread> threads;
  for (Attached& session : sessions) {
    threads.emplace_back([this, &session] { Train(&session); });
  }
  while (!life->stop) {
    const std::int64_t number = ledger_.Sent(kRequests) + 1;
    if (!TakeStep(number) || !ChangeCheckpoints(number)) break;
  }
  for (std::thread& thread : threads) thread.join();
}

bool KillTraffic::Create() { return Succeeded(client_->Call(model_.create).status, "CreateModel"); }

bool KillTraffic::CheckRecovered(std::vector<Attached>* sessions) {
  const auto model = client_->Call(testing::GetOf(name()));
  if (!Succeeded(model.status, "GetModel")) return false;
  const std::int64_t step = model->model().step();
  for (const std::string& id : model_.sessions) {
    if (!Attach(id, sessions)) return false;
  }
  Ledger::Counts applied;
  for (const Attached& session : *sessions) applied[session.id] = session.applied;
  if (!CheckCheckpoints() || !RepeatLastRequest(step, &applied[kRequests])) return false;
  const std::int64_t sent = ledger_.Sent(kRequests);
  if (!Holds(ledger_.CheckRecovered(step, model->model().state_hash(), applied))) return false;
  if (applied[kRequests] == sent) return true;
  // The repeat was the first that came through.
  ledger_.AddSent({kRequests, sent});
  return Holds(ledger_.AddAcknowledged({kRequests, sent}, last_answered_step_));
}

bool KillTraffic::CheckCheckpoints() {
  v1::ListCheckpointsRequest request;
  request.set_model(name());
  const auto answer = client_->Call(request);
  if (!Succeeded(answer.status, "ListCheckpoints")) return false;
  std::map<std::int64_t, std::uint64_t> listed;
  for (const v1::Checkpoint& checkpoint : answer->checkpoints()) {
    listed[checkpoint.step()] = checkpoint.state_hash();
  }
  for (const auto& [step, hash] : checkpoints_) {
    const auto found = listed.find(step);
    if (found == listed.end())
      return FailWithLoss(absl::StrCat("lost the checkpoint of step ", step));
    if (found->second != hash) return Fail(absl::StrCat("other checkpoint of step ", step));
  }
  for (const std::int64_t step : deleted_checkpoints_) {
    if (listed.contains(step)) {
      return FailWithLoss(absl::StrCat("deleted checkpoint is back: ", step));
    }
  }
  return true;
}

bool KillTraffic::Attach(const std::string& id, std::vector<Attached>* sessions) {
  Attached attached{id, client_->Train()};
  attached.stream.Write(testing::StartOf(name(), id));
  const auto ready = attached.stream.Read();
  if (!ready.has_value()) return Succeeded(attached.stream.Finish(), "attaching");
  attached.applied = ready->ready().next_sequence() - 1;
  sessions->push_back(std::move(attached));
  return true;
}

bool KillTraffic::RepeatLastRequest(std::int64_t recovered_step, std::int64_t* applied) {
  const std::int64_t acknowledged = ledger_.Acknowledged(kRequests);
  const std::int64_t sent = ledger_.Sent(kRequests);
  *applied = acknowledged;
  if (acknowledged > 0) {
    const auto answer = client_->Call(RequestOf(acknowledged));
    if (!Succeeded(answer.status, "repeating a step")) return false;
    if (!answer->replayed() || answer->step() != last_answered_step_) {
      return FailWithLoss(absl::StrCat("step ", last_answered_step_,
                                       " was acknowledged, but is applied again as ",
                                       answer->step()));
    }
  }
  if (sent == acknowledged) return true;
  const auto answer = client_->Call(RequestOf(sent));
  if (!Succeeded(answer.status, "repeating a step")) return false;
  const std::int64_t step = answer->step();
  if (answer->replayed() != (step <= recovered_step)) {
    return Fail(absl::StrCat("a repeat answers with step ", step, ", replayed ", answer->replayed(),
                             ", after ", recovered_step));
  }
  last_answered_step_ = step;
  if (!answer->replayed()) return true;
  *applied = sent;
  return Holds(ledger_.AddAcknowledged({kRequests, sent}, step));
}

bool KillTraffic::TakeStep(std::int64_t number) {
  ledger_.AddSent({kRequests, number});
  const auto answer = client_->Call(RequestOf(number));
  if (!Succeeded(answer.status, "Step")) return false;
  if (answer->replayed()) return Fail("a new step was taken for a repeat");
  last_answered_step_ = answer->step();
  return Holds(ledger_.AddAcknowledged({kRequests, number}, answer->step()));
}

bool KillTraffic::ChangeCheckpoints(std::int64_t number) {
  if (!model_.makes_checkpoints || number % kStepsBetweenCheckpoints != 0) return true;
  v1::CreateCheckpointRequest create;
  create.set_model(name());
  create.set_request_id(absl::StrCat("checkpoint-", number));
  const auto created = client_->Call(create);
  if (!Succeeded(created.status, "CreateCheckpoint")) return false;
  const v1::Checkpoint& checkpoint = created->checkpoint();
  ledger_.AddCheckpoint(checkpoint.step(), checkpoint.state_hash());
  checkpoints_[checkpoint.step()] = checkpoint.state_hash();
  deleted_checkpoints_.erase(checkpoint.step());
  if (checkpoints_.size() <= kMostCheckpoints) return true;
  v1::DeleteCheckpointRequest remove;
  remove.set_model(name());
  remove.set_step(checkpoints_.begin()->first);
  remove.set_request_id(absl::StrCat("delete-", number));
  checkpoints_.erase(checkpoints_.begin());  // until it is answered, it may be there or not
  if (!Succeeded(client_->Call(remove).status, "DeleteCheckpoint")) return false;
  deleted_checkpoints_.insert(remove.step());
  return true;
}

void KillTraffic::Train(Attached* session) {
  std::int64_t sent = session->applied;
  std::int64_t acknowledged = session->applied;
  const auto ended = [&] { Succeeded(session->stream.Finish(), "training"); };
  while (!life_->stop || acknowledged < sent) {
    while (!life_->stop && sent - acknowledged < kWindow) {
      const SourceUpdate update{session->id, ++sent};
      ledger_.AddSent(update);
      if (!session->stream.Write(testing::BatchOf(update.number, WireBatch(update)))) {
        return ended();
      }
    }
    const auto response = session->stream.Read();
    if (!response.has_value()) return ended();
    const v1::TrainAck& ack = response->ack();
    if (ack.sequence() != ++acknowledged || ack.durable_sequence() != ack.sequence()) {
      Fail("an acknowledgement is out of order, or not durable");
      return;
    }
    if (!Holds(ledger_.AddAcknowledged({session->id, ack.sequence()}, ack.step()))) return;
  }
  session->stream.HalfClose();
  ended();
}

}  // namespace descent::crash
