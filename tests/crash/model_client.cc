#include "tests/crash/model_client.h"

#include <deque>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace descent::crash {
namespace {

using models::CallContext;
using models::ModelInfo;
using models::RequestKey;

RequestKey KeyOf(const Action& action) {
  return {action.request_id, std::hash<std::string>()(action.request_id)};
}

Answer AnswerOf(const models::StepOutcome& outcome) {
  return {{}, outcome.step, outcome.durable_step, outcome.replayed};
}
Answer AnswerOf(const models::SetParametersOutcome& outcome) { return {{}, outcome.step, {}, {}}; }
Answer AnswerOf(const ModelInfo& info) { return {{}, info.step, {}, {}}; }
Answer AnswerOf(const models::CheckpointOutcome& outcome) {
  return {{}, outcome.checkpoint.step, {}, {}};
}
Answer AnswerOf(const models::DeleteCheckpointOutcome& /*outcome*/) { return {}; }
Answer AnswerOf(const models::DeleteModelOutcome& /*outcome*/) { return {}; }

Answer Failure(absl::Status status) { return {std::move(status), {}, {}, {}}; }

template <typename Outcome>
models::Reply<Outcome> ReplyTo(OnAnswer done) {
  return [done = std::move(done)](absl::StatusOr<Outcome> outcome) mutable {
    std::move(done)(outcome.ok() ? AnswerOf(*outcome) : Failure(std::move(outcome).status()));
  };
}

}  // namespace

// One attached session. Batches are acknowledged one by one, in order.
class ModelClient::Stream final : public models::TrainObserver {
 public:
  void OnReady(const models::TrainReady& ready) override {
    const absl::MutexLock lock(&mutex_);
    next_sequence_ = ready.next_sequence;
  }

  void OnAck(const models::TrainAck& ack) override {
    OnAnswer done;
    {
      const absl::MutexLock lock(&mutex_);
      if (waiting_.empty()) return;
      done = std::move(waiting_.front());
      waiting_.pop_front();
    }
    const bool is_durable = ack.durable_sequence >= ack.sequence;
    std::move(done)({{},
                     ack.step,
                     is_durable ? std::optional<std::int64_t>(ack.step) : std::nullopt,
                     ack.rows == 0});
  }

  void OnCapacity() override {}

  void OnFinished(absl::Status status) override {
    if (status.ok()) status = absl::CancelledError("the session ended");
    std::deque<OnAnswer> waiting;
    {
      const absl::MutexLock lock(&mutex_);
      end_ = status;
      waiting = std::exchange(waiting_, {});
    }
    for (OnAnswer& done : waiting) std::move(done)(Failure(status));
  }

  // The sequence that the server wants next, or why the session has ended.
  absl::StatusOr<std::int64_t> AwaitReady() {
    const absl::MutexLock lock(&mutex_);
    const auto is_known = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return next_sequence_.has_value() || end_.has_value();
    };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&is_known), absl::Minutes(1))) {
      return absl::DeadlineExceededError("the session was not ready within a minute");
    }
    if (end_.has_value()) return *end_;
    return *next_sequence_;
  }

  // Before the batch is submitted. Calls back at once, and returns false, if the session is over.
  bool Expect(OnAnswer done) {
    std::optional<absl::Status> end;
    {
      const absl::MutexLock lock(&mutex_);
      if (!end_.has_value()) {
        waiting_.push_back(std::move(done));
        return true;
      }
      end = end_;
    }
    std::move(done)(Failure(*std::move(end)));
    return false;
  }

  std::shared_ptr<models::TrainingSession> session;  // set once, before it is used

 private:
  absl::Mutex mutex_;
  std::optional<std::int64_t> next_sequence_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  std::deque<OnAnswer> waiting_ ABSL_GUARDED_BY(mutex_);
};

ModelClient::ModelClient(const ModelScript* script, models::Registry* registry)
    : script_(*script), registry_(registry) {}

ModelClient::~ModelClient() { DetachAll(); }

void ModelClient::DetachAll() {
  for (auto& [id, stream] : streams_) stream->session->Detach();
  streams_.clear();
}

void ModelClient::Send(std::size_t number, OnAnswer done) {
  const Action& action = script_.actions[number];
  if (action.kind == ActionKind::kCreate) {
    registry_->Create({.settings = script_.settings, .request = KeyOf(action)}, {},
                      ReplyTo<ModelInfo>(std::move(done)));
    return;
  }
  if (action.kind == ActionKind::kDelete) {
    DetachAll();
    registry_->Delete({.name = script_.settings.name, .request = KeyOf(action)}, {},
                      ReplyTo<models::DeleteModelOutcome>(std::move(done)));
    return;
  }
  const auto model = registry_->Find(script_.settings.name);
  if (!model.ok()) {
    std::move(done)(Failure(model.status()));
  } else {
    SendTo(**model, action, std::move(done));
  }
}

void ModelClient::SendTo(models::Model& model, const Action& action, OnAnswer done) {
  const Network& network = *model.network();
  const RequestKey request = KeyOf(action);
  switch (action.kind) {
    case ActionKind::kStep:
      model.Step({.update = BatchOf(network, action.seed),
                  .request = request,
                  .expected_step = {},
                  .learning_rate = action.learning_rate},
                 {}, ReplyTo<models::StepOutcome>(std::move(done)));
      return;
    case ActionKind::kGradients:
      model.Step({.update = GradientsOf(network, action.seed),
                  .request = request,
                  .expected_step = {},
                  .learning_rate = {}},
                 {}, ReplyTo<models::StepOutcome>(std::move(done)));
      return;
    case ActionKind::kSetParameters: {
      std::vector<int> all(network.layout().parameters().size());
      std::iota(all.begin(), all.end(), 0);
      model.SetParameters({.parameters = std::move(all),
                           .values = LaidOut(network, action.seed),
                           .request = request,
                           .expected_step = {},
                           .keep_optimizer_state = action.seed % 2 == 0},
                          {}, ReplyTo<models::SetParametersOutcome>(std::move(done)));
      return;
    }
    case ActionKind::kUpdateModel: {
      models::UpdateModelCommand command;
      command.request = request;
      command.durability = action.durability;
      if (action.learning_rate.has_value()) {
        command.optimizer = script_.settings.optimizer;
        command.optimizer->learning_rate = *action.learning_rate;
      }
      model.Update(std::move(command), {}, ReplyTo<ModelInfo>(std::move(done)));
      return;
    }
    case ActionKind::kCreateCheckpoint:
      model.CreateCheckpoint({.request = request}, {},
                             ReplyTo<models::CheckpointOutcome>(std::move(done)));
      return;
    case ActionKind::kRestoreCheckpoint:
      DetachAll();
      model.RestoreCheckpoint({.step = action.checkpoint, .request = request, .expected_step = {}},
                              {}, ReplyTo<ModelInfo>(std::move(done)));
      return;
    case ActionKind::kDeleteCheckpoint:
      model.DeleteCheckpoint({.step = action.checkpoint, .request = request}, {},
                             ReplyTo<models::DeleteCheckpointOutcome>(std::move(done)));
      return;
    default:
      SendBatch(model, action, std::move(done));
  }
}

void ModelClient::SendBatch(models::Model& model, const Action& action, OnAnswer done) {
  std::shared_ptr<Stream>& stream = streams_[action.session];
  if (stream == nullptr) {
    auto attached = std::make_shared<Stream>();
    auto session =
        model.AttachSession({.session_id = action.session, .expected_step = {}}, attached);
    absl::StatusOr<std::int64_t> next = session.ok() ? attached->AwaitReady() : session.status();
    if (!next.ok()) {
      streams_.erase(action.session);
      std::move(done)(Failure(std::move(next).status()));
      return;
    }
    attached->session = *std::move(session);
    stream = std::move(attached);
  }
  if (!stream->Expect(std::move(done))) return;
  stream->session->Submit({.sequence = action.sequence,
                           .batch = BatchOf(*model.network(), action.seed),
                           .learning_rate = action.learning_rate});
}

}  // namespace descent::crash
