#include "tests/fuzz/compute_fuzzer.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "core/activations/kinds.h"
#include "core/check.h"
#include "core/finite.h"
#include "core/losses/kinds.h"
#include "server/models/registry.h"
#include "server/wire/decode.h"
#include "server/wire/encode.h"
#include "server/wire/kinds.h"
#include "server/wire/status.h"
#include "tests/fuzz/taken_requests.h"
#include "tests/models/replies.h"

namespace descent::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using models::Await;
using models::Model;
using models::Registry;
using models::Reply;

// Everything small is done where it is asked for, and a model that a request describes has to be
// small.
Registry* TheRegistry() {
  static auto* const registry = [] {
    models::ModelsOptions options;
    options.threads = 1;
    options.inline_multiply_adds = std::int64_t{1} << 40;
    models::SetMemoryBudget(std::size_t{64} << 20, &options);
    return new Registry(options);
  }();
  return registry;
}

template <typename T>
bool AreFinite(const std::string& raw) {
  std::vector<T> values(raw.size() / sizeof(T));
  std::memcpy(values.data(), raw.data(), values.size() * sizeof(T));
  return std::all_of(values.begin(), values.end(), [](T value) { return std::isfinite(value); });
}

// Whether every number of an answer is finite.
bool IsFinite(const Message& message) {
  if (const auto* tensor = dynamic_cast<const v1::Tensor*>(&message);
      tensor != nullptr && tensor->contents_case() == v1::Tensor::kRaw) {
    return tensor->data_type() == v1::DATA_TYPE_FLOAT32 ? AreFinite<float>(tensor->raw())
                                                        : AreFinite<double>(tensor->raw());
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const bool repeated = field->is_repeated();
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_FLOAT:
          if (!std::isfinite(repeated ? reflection.GetRepeatedFloat(message, field, i)
                                      : reflection.GetFloat(message, field))) {
            return false;
          }
          break;
        case FieldDescriptor::CPPTYPE_DOUBLE:
          if (!std::isfinite(repeated ? reflection.GetRepeatedDouble(message, field, i)
                                      : reflection.GetDouble(message, field))) {
            return false;
          }
          break;
        case FieldDescriptor::CPPTYPE_MESSAGE:
          if (!IsFinite(repeated ? reflection.GetRepeatedMessage(message, field, i)
                                 : reflection.GetMessage(message, field))) {
            return false;
          }
          break;
        default:
          break;
      }
    }
  }
  return true;
}

// What a call may fail with, whatever was sent.
void CheckFailure(const absl::Status& status) {
  DESCENT_CHECK(!status.ok() && !wire::ToGrpcStatus(status).error_details().empty());
  DESCENT_CHECK(status.code() != absl::StatusCode::kInternal);
  DESCENT_CHECK(status.code() != absl::StatusCode::kUnknown);
  DESCENT_CHECK(status.code() != absl::StatusCode::kDataLoss);
}

void CheckAnswer(const Message& response) { DESCENT_CHECK(IsFinite(response)); }

// The training stream's end of a session.
class Observer final : public models::TrainObserver {
 public:
  void OnReady(const models::TrainReady& ready) override {
    v1::TrainResponse response;
    wire::Encode(ready, &response);
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(!ready_ && !finished_);
    ready_ = true;
    sequence_ = ready.next_sequence - 1;
  }
  void OnAck(const models::TrainAck& ack) override {
    v1::TrainResponse response;
    wire::Encode(ack, &response);
    CheckAnswer(response);
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(ready_ && !finished_);
    // A batch of before is acknowledged again.
    sequence_ = std::max(sequence_, ack.sequence);
  }
  void OnCapacity() override {}
  void OnFinished(absl::Status status) override {
    if (!status.ok()) CheckFailure(status);
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(!finished_);
    finished_ = true;
  }

  bool AwaitReady() {
    const absl::MutexLock lock(&mutex_);
    const auto is_settled = [this]() { return ready_ || finished_; };
    DESCENT_CHECK(mutex_.AwaitWithTimeout(absl::Condition(&is_settled), absl::Minutes(1)));
    return !finished_;
  }
  void AwaitFinished() {
    const absl::MutexLock lock(&mutex_);
    DESCENT_CHECK(mutex_.AwaitWithTimeout(absl::Condition(&finished_), absl::Minutes(1)));
  }
  bool finished() const {
    const absl::MutexLock lock(&mutex_);
    return finished_;
  }
  std::int64_t sequence() const {
    const absl::MutexLock lock(&mutex_);
    return sequence_;
  }

 private:
  mutable absl::Mutex mutex_;
  bool ready_ = false;
  bool finished_ = false;
  std::int64_t sequence_ = 0;
};

// One input's model and what goes on with it.
class Play {
 public:
  explicit Play(Taken* taken) : taken_(*taken) {
    v1::CreateModelRequest request;
    v1::Model& made = *request.mutable_model();
    made.set_name("m");
    v1::NetworkSpec& network = *made.mutable_network();
    const auto losses = wire::LossRows();
    const auto types = wire::NetworkDataTypeRows();
    const std::size_t pair = taken_.Byte() % (losses.size() * types.size());
    network.mutable_loss()->set_kind(losses[pair % losses.size()].wire);
    network.set_data_type(types[pair / losses.size()].wire);
    network.set_input_features(2);
    network.set_seed(7);
    v1::DenseLayer& hidden = *network.add_layers()->mutable_dense();
    v1::DenseLayer& output = *network.add_layers()->mutable_dense();
    output.set_units(1 + taken_.Below(3));
    hidden.set_units(3);
    const auto activations = wire::ActivationRows();
    hidden.mutable_activation()->set_kind(activations[taken_.Byte() % activations.size()].wire);
    made.mutable_optimizer()->set_learning_rate(0.1);
    made.mutable_optimizer()->mutable_adam();
    Registry& registry = *TheRegistry();
    auto command = wire::Decode(request);
    DESCENT_CHECK(command.ok());
    DESCENT_CHECK(Await<models::ModelInfo>([&](Reply<models::ModelInfo> reply) {
                    registry.Create(*std::move(command), {}, std::move(reply));
                  }).ok());
    model_ = *registry.Find("m");
  }

  void Run() {
    // An input's length bounds what is done for it.
    for (int i = 0; i < 64 && !taken_.empty(); ++i)
      Act(static_cast<Action>(taken_.Below(kActions)));
    HalfClose();
    CheckParameters();
  }

  ~Play() {
    model_.reset();
    Registry& registry = *TheRegistry();
    while (true) {
      const auto listed = registry.List({});
      DESCENT_CHECK(listed.ok());
      if (listed->models.empty()) return;
      for (const models::ModelInfo& info : listed->models) {
        Await<models::DeleteModelOutcome>([&](Reply<models::DeleteModelOutcome> reply) {
          registry.Delete({.name = info.settings.name, .request = {}}, {}, std::move(reply));
        }).IgnoreError();
      }
    }
  }

 private:
  const Network& network() const { return *model_->network(); }

  void Act(Action action) {
    switch (action) {
      case Action::kPredict: {
        v1::PredictRequest request;
        *request.mutable_inputs() = Inputs();
        request.set_raw_outputs(taken_.Below(2) == 1);
        return Run(request);
      }
      case Action::kForward: {
        v1::ForwardRequest request;
        *request.mutable_inputs() = Inputs();
        return Run(request);
      }
      case Action::kGradient:
        return Run(GradientOf(TakeBatch(&taken_, network()), taken_.Byte()));
      case Action::kStep: {
        v1::StepRequest request;
        *request.mutable_batch() = TakeBatch(&taken_, network());
        const int rate = taken_.Below(8);
        if (rate > 5) request.set_learning_rate(rate == 6 ? 1e4 : 1e300);
        if (taken_.Below(4) == 3) request.set_request_id(absl::StrCat(taken_.Below(4)));
        return Run(request);
      }
      case Action::kTrainStart: {
        v1::TrainRequest request;
        request.mutable_start()->set_session_id(absl::StrCat("s", taken_.Below(3)));
        request.mutable_start()->set_ack_every(taken_.Below(4));
        return Train(request);
      }
      case Action::kTrainBatch: {
        v1::TrainRequest request;
        const std::int64_t next = (observer_ == nullptr ? 0 : submitted_) + 1;
        const int odd = taken_.Below(16);
        request.mutable_batch()->set_sequence(odd == 15 ? taken_.Byte() : next);
        *request.mutable_batch()->mutable_batch() = TakeBatch(&taken_, network());
        return Train(request);
      }
      case Action::kTrainHalfClose:
        return HalfClose();
      case Action::kEvaluateBatch: {
        v1::EvaluateRequest request;
        *request.mutable_batch() = TakeBatch(&taken_, network());
        return Evaluate(request);
      }
      case Action::kEvaluateFinish:
        return FinishEvaluation();
      case Action::kSetParameters:
        return SetParameters();
      case Action::kUpdateModel: {
        v1::UpdateModelRequest request;
        request.mutable_model()->set_name("m");
        v1::OptimizerSpec& optimizer = *request.mutable_model()->mutable_optimizer();
        optimizer.set_learning_rate(taken_.Below(2) == 0 ? 1e-3 : 1e6);
        request.mutable_update_mask()->add_paths("optimizer");
        // Whichever algorithm of the message, with its defaults.
        const auto* oneof = optimizer.GetDescriptor()->FindOneofByName("algorithm");
        optimizer.GetReflection()->MutableMessage(
            &optimizer, oneof->field(taken_.Byte() % oneof->field_count()));
        return Run(request);
      }
      case Action::kCheckpoints:
        return Checkpoints();
      case Action::kLists:
        return Lists();
      case Action::kBytes:
        return Bytes();
    }
  }

  v1::Tensor Inputs() {
    const std::int64_t rows = 1 + taken_.Below(8);
    return TakeTensor(&taken_, rows, network().input_features());
  }

  static v1::GradientRequest GradientOf(const v1::Batch& batch, int ways) {
    v1::GradientRequest request;
    *request.mutable_inputs() = batch.inputs();
    if ((ways & 3) == 3) {
      *request.mutable_output_gradient() = batch.targets();
    } else {
      *request.mutable_targets() = batch.targets();
      if (batch.has_weights()) *request.mutable_weights() = batch.weights();
    }
    request.set_input_gradient((ways & 4) != 0);
    request.set_norms_only((ways & 8) != 0);
    return request;
  }

  // Decodes, runs and encodes; the outcome if there is one.
  template <typename Response, typename Outcome, typename Command, typename Encode>
  std::optional<Outcome> RunOn(absl::StatusOr<Command> command,
                               void (Model::*run)(Command, models::CallContext, Reply<Outcome>),
                               const Encode& encode) {
    if (!command.ok()) {
      CheckFailure(command.status());
      return std::nullopt;
    }
    absl::StatusOr<Outcome> outcome = Await<Outcome>(
        [&](Reply<Outcome> reply) { ((*model_).*run)(*std::move(command), {}, std::move(reply)); });
    if (!outcome.ok()) {
      CheckFailure(outcome.status());
      return std::nullopt;
    }
    Response response;
    encode(*outcome, &response);
    CheckAnswer(response);
    return *std::move(outcome);
  }

  void Run(const v1::PredictRequest& request) {
    RunOn<v1::PredictResponse>(wire::Decode(request, network()), &Model::Predict,
                               [&](const auto& outcome, auto* response) {
                                 wire::Encode(outcome, wire::EncodingOf(request.inputs()),
                                              response);
                               });
  }
  void Run(const v1::ForwardRequest& request) {
    RunOn<v1::ForwardResponse>(wire::Decode(request, network()), &Model::Forward,
                               [&](const auto& outcome, auto* response) {
                                 wire::Encode(outcome, wire::EncodingOf(request.inputs()),
                                              response);
                               });
  }
  std::optional<double> LossOf(const v1::GradientRequest& request) {
    const auto outcome = RunOn<v1::GradientResponse>(
        wire::Decode(request, network()), &Model::Gradient,
        [&](const auto& gradient, auto* response) {
          wire::Encode(gradient, network(), wire::EncodingOf(request.inputs()), response);
        });
    if (!outcome.has_value()) return std::nullopt;
    return outcome->loss;
  }
  void Run(const v1::GradientRequest& request) { LossOf(request); }
  void Run(const v1::StepRequest& request) {
    const auto expected = LossOf(GradientOf(request.batch(), 0));
    const auto outcome = RunOn<v1::StepResponse>(
        wire::Decode(request, network()), &Model::Step,
        [](const auto& step, auto* response) { wire::Encode(step, response); });
    // Of a batch and not of gradients, and not an answer of before.
    if (request.has_batch() && outcome.has_value() && !outcome->replayed) {
      DESCENT_CHECK(!expected.has_value() || *expected == outcome->loss);
    }
  }
  void Run(const v1::SetParametersRequest& request) {
    RunOn<v1::SetParametersResponse>(
        wire::Decode(request, network()), &Model::SetParameters,
        [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
  }
  void Run(const v1::GetParametersRequest& request) {
    RunOn<v1::GetParametersResponse>(
        wire::Decode(request, network()), &Model::GetParameters,
        [&](const auto& outcome, auto* response) { wire::Encode(outcome, network(), response); });
  }
  void Run(const v1::UpdateModelRequest& request) {
    RunOn<v1::UpdateModelResponse>(
        wire::Decode(request, model_->settings()), &Model::Update,
        [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
  }
  void Run(const v1::CreateCheckpointRequest& request) {
    RunOn<v1::CreateCheckpointResponse>(
        wire::Decode(request), &Model::CreateCheckpoint,
        [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
  }
  void Run(const v1::ListCheckpointsRequest& request) {
    RunOn<v1::ListCheckpointsResponse>(
        wire::Decode(request), &Model::ListCheckpoints,
        [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
  }
  void Run(const v1::RestoreCheckpointRequest& request) {
    RunOn<v1::RestoreCheckpointResponse>(
        wire::Decode(request), &Model::RestoreCheckpoint,
        [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
  }
  void Run(const v1::DeleteCheckpointRequest& request) {
    RunOn<v1::DeleteCheckpointResponse>(
        wire::Decode(request), &Model::DeleteCheckpoint,
        [](const auto& outcome, auto* response) { wire::Encode(outcome, response); });
  }
  void Run(const v1::ListModelsRequest& request) {
    const auto command = wire::Decode(request);
    if (!command.ok()) return CheckFailure(command.status());
    const auto outcome = TheRegistry()->List(*command);
    if (!outcome.ok()) return CheckFailure(outcome.status());
    v1::ListModelsResponse response;
    wire::Encode(*outcome, &response);
    CheckAnswer(response);
  }
  void Run(const v1::CreateModelRequest& request) {
    auto command = wire::Decode(request);
    if (!command.ok()) return CheckFailure(command.status());
    // What is remembered of requests outlives the input.
    command->request = {};
    const auto outcome = Await<models::ModelInfo>([&](Reply<models::ModelInfo> reply) {
      TheRegistry()->Create(*std::move(command), {}, std::move(reply));
    });
    if (!outcome.ok()) return CheckFailure(outcome.status());
    v1::CreateModelResponse response;
    wire::Encode(*outcome, &response);
    CheckAnswer(response);
  }
  void Run(const v1::TrainRequest& request) { Train(request); }
  void Run(const v1::EvaluateRequest& request) { Evaluate(request); }

  void Train(const v1::TrainRequest& request) {
    if (observer_ != nullptr && observer_->finished()) observer_.reset();
    if (observer_ == nullptr) {
      auto start = wire::DecodeTrainStart(request);
      if (!start.ok()) return CheckFailure(start.status());
      observer_ = std::make_shared<Observer>();
      auto session = model_->AttachSession(*std::move(start), observer_);
      DESCENT_CHECK(session.ok());
      session_ = *std::move(session);
      if (!observer_->AwaitReady()) return;
      submitted_ = observer_->sequence();
      return;
    }
    auto batch = wire::DecodeTrainBatch(request, network());
    if (batch.ok()) {
      submitted_ = std::max(submitted_, batch->sequence);
      session_->Submit(*std::move(batch));
    } else {
      session_->Fail(std::move(batch).status());
      observer_->AwaitFinished();
    }
  }

  void HalfClose() {
    if (observer_ == nullptr) return;
    session_->HalfClose();
    observer_->AwaitFinished();
    observer_.reset();
    session_.reset();
  }

  void Evaluate(const v1::EvaluateRequest& request) {
    auto batch = wire::DecodeEvaluateBatch(request, "m", network());
    if (!batch.ok()) return CheckFailure(batch.status());
    const bool is_first = evaluation_ == nullptr;
    if (is_first) {
      evaluation_ = model_->BeginEvaluation();
      first_loss_ = LossOf(GradientOf(request.batch(), 0));
    } else {
      first_loss_.reset();
    }
    const auto rows = Await<std::int64_t>([&](Reply<std::int64_t> reply) {
      evaluation_->Add(*std::move(batch), {}, std::move(reply));
    });
    if (rows.ok()) return;
    CheckFailure(rows.status());
    evaluation_.reset();
  }

  void FinishEvaluation() {
    if (evaluation_ == nullptr) return;
    const auto outcome = Await<models::EvaluateOutcome>(
        [&](Reply<models::EvaluateOutcome> reply) { evaluation_->Finish({}, std::move(reply)); });
    evaluation_.reset();
    if (!outcome.ok()) return CheckFailure(outcome.status());
    v1::EvaluateResponse response;
    wire::Encode(*outcome, &response);
    CheckAnswer(response);
    // One batch has the loss that its gradient has.
    if (first_loss_.has_value()) DESCENT_CHECK(outcome->loss == *first_loss_);
  }

  void SetParameters() {
    v1::SetParametersRequest request;
    for (const ParameterInfo& parameter : network().layout().parameters()) {
      v1::NamedTensor& named = *request.add_parameters();
      named.set_name(parameter.name);
      *named.mutable_tensor() = TakeTensor(&taken_, 1, parameter.size);
      named.mutable_tensor()->mutable_shape()->Assign(parameter.shape.begin(),
                                                      parameter.shape.end());
    }
    request.set_keep_optimizer_state(taken_.Below(2) == 1);
    Run(request);
  }

  void Checkpoints() {
    const std::int64_t step = taken_.Below(8);
    switch (taken_.Below(4)) {
      case 0:
        return Run(v1::CreateCheckpointRequest());
      case 1:
        return Run(v1::ListCheckpointsRequest());
      case 2: {
        v1::RestoreCheckpointRequest request;
        request.set_step(step);
        return Run(request);
      }
      default: {
        v1::DeleteCheckpointRequest request;
        request.set_step(step);
        return Run(request);
      }
    }
  }

  void Lists() {
    v1::ListModelsRequest models;
    models.set_page_size(static_cast<std::int8_t>(taken_.Byte()));
    models.set_page_token(std::string(taken_.Bytes(taken_.Below(32))));
    Run(models);
    v1::ListCheckpointsRequest checkpoints;
    checkpoints.set_page_size(models.page_size());
    checkpoints.set_page_token(models.page_token());
    Run(checkpoints);
  }

  template <typename... Requests>
  void RunBytes(std::size_t kind, std::string_view bytes) {
    const auto run = [&]<typename Request>(Request request) {
      if (request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) Run(request);
    };
    std::size_t at = 0;
    ((at++ == kind % sizeof...(Requests) ? run(Requests()) : void()), ...);
  }

  void Bytes() {
    const std::size_t kind = taken_.Byte();
    const std::size_t size = taken_.Byte();
    RunBytes<v1::PredictRequest, v1::ForwardRequest, v1::GradientRequest, v1::StepRequest,
             v1::TrainRequest, v1::EvaluateRequest, v1::SetParametersRequest,
             v1::GetParametersRequest, v1::UpdateModelRequest, v1::CreateModelRequest,
             v1::CreateCheckpointRequest, v1::ListCheckpointsRequest, v1::RestoreCheckpointRequest,
             v1::DeleteCheckpointRequest, v1::ListModelsRequest>(kind, taken_.Bytes(4 * size));
  }

  void CheckParameters() {
    const auto parameters =
        Await<models::GetParametersOutcome>([&](Reply<models::GetParametersOutcome> reply) {
          model_->GetParameters({}, {}, std::move(reply));
        });
    DESCENT_CHECK(parameters.ok() && FirstNonFinite(parameters->snapshot.parameters()) < 0);
  }

  Taken& taken_;
  std::shared_ptr<Model> model_;
  std::shared_ptr<Observer> observer_;
  std::shared_ptr<models::TrainingSession> session_;
  std::int64_t submitted_ = 0;
  std::shared_ptr<models::Evaluation> evaluation_;
  std::optional<double> first_loss_;  // of the evaluation, while it has one batch
};

}  // namespace
}  // namespace descent::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  descent::fuzz::Taken taken(data, size);
  descent::fuzz::Play(&taken).Run();
  return 0;
}
