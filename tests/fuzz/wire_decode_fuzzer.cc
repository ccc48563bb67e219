#include "tests/fuzz/wire_decode_fuzzer.h"

#include <memory>
#include <variant>
#include <vector>

#include "core/check.h"
#include "server/wire/decode.h"
#include "server/wire/specs.h"
#include "server/wire/status.h"
#include "tests/support/random_network.h"

namespace descent::wire {
namespace {

// Two inputs, three hidden units, two classes.
NetworkSpec Numeric() {
  return descent::testing::DenseNetwork(2, {3, 2}, TanhActivation{}, SoftmaxCrossEntropyLoss{},
                                        DataType::kFloat32);
}

// The same with categories, of ids and of texts.
NetworkSpec Categorical() {
  NetworkSpec spec = Numeric();
  spec.categorical_inputs = {{.name = "shop", .buckets = 5, .dimension = 2},
                             {.name = "tags",
                              .buckets = 9,
                              .dimension = 3,
                              .hashing = Hashing::kXxh64,
                              .combiner = Combiner::kMean}};
  return spec;
}

// Both of them.
const std::vector<std::shared_ptr<const Network>>& Networks() {
  using descent::testing::MakeNetwork;
  static const auto* networks = new std::vector<std::shared_ptr<const Network>>{
      MakeNetwork(Numeric()), MakeNetwork(Categorical())};
  return *networks;
}

// The one that requests are decoded for.
const Network* the_network = nullptr;
const Network& TheNetwork() { return *the_network; }

const models::ModelSettings& TheSettings() {
  static const auto* settings = [] {
    auto* made = new models::ModelSettings;
    made->optimizer.learning_rate = 0.1;
    made->optimizer.algorithm = AdamOptions{};
    return made;
  }();
  return *settings;
}

// What decoding promises of each command: that nobody has to check it again.

void CheckPromise(const Batch& batch) { DESCENT_CHECK(TheNetwork().ValidateBatch(batch).ok()); }

void CheckPromise(const models::CreateModelCommand& command) {
  models::ModelInfo info;
  info.settings = command.settings;
  v1::CreateModelRequest again;
  EncodeModel(info, again.mutable_model());
  again.mutable_model()->clear_create_time();
  again.mutable_model()->clear_update_time();
  DESCENT_CHECK(Decode(again).ok());
}

template <typename Command>
void CheckInputs(const Command& command) {
  DESCENT_CHECK(TheNetwork().ValidateInputs(command.inputs).ok());
  DESCENT_CHECK(TheNetwork().ValidateCategories(command.categories, command.inputs.rows()).ok());
}

void CheckPromise(const models::ForwardCommand& command) { CheckInputs(command); }

void CheckPromise(const models::PredictCommand& command) { CheckInputs(command); }

void CheckPromise(const models::GradientCommand& command) {
  const std::int64_t rows = command.inputs.rows();
  CheckInputs(command);
  if (const auto* targets = std::get_if<Targets>(&command.cotangent)) {
    DESCENT_CHECK(TheNetwork().ValidateTargets(*targets, rows).ok());
    DESCENT_CHECK(TheNetwork().ValidateWeights(command.weights, rows).ok());
  } else {
    DESCENT_CHECK(std::get<Matrix>(command.cotangent).rows() == rows);
    DESCENT_CHECK(command.weights.empty());
  }
}

void CheckPromise(const models::StepCommand& command) {
  if (const auto* batch = std::get_if<Batch>(&command.update)) {
    CheckPromise(*batch);
  } else {
    const auto& update = std::get<models::GradientUpdate>(command.update);
    DESCENT_CHECK(update.gradients.size() == TheNetwork().layout().dense_size());
    DESCENT_CHECK(TheNetwork().tables().empty() ||
                  update.tables.Fit(TheNetwork().tables(), TheNetwork().data_type()));
  }
}

void CheckPromise(const models::TrainBatchCommand& command) { CheckPromise(command.batch); }

void CheckPromise(const models::SetParametersCommand& command) {
  DESCENT_CHECK(command.values.size() == TheNetwork().layout().size());
}

template <typename T>
void CheckPromise(const T& /*command*/) {}

// A decoder's answer: a command that keeps its promise, or an error that can be sent.
template <typename T>
void CheckAnswer(const absl::StatusOr<T>& answer) {
  if (answer.ok()) {
    CheckPromise(*answer);
  } else {
    DESCENT_CHECK(!ToGrpcStatus(answer.status()).error_details().empty());
  }
}

void CheckAnswer(const absl::Status& answer) {
  DESCENT_CHECK(answer.ok() || !ToGrpcStatus(answer).error_details().empty());
}

void CheckRequest(const v1::TrainRequest& request) {
  CheckAnswer(DecodeTrainStart(request));
  CheckAnswer(DecodeTrainBatch(request, TheNetwork()));
  for (int i = 0; i < request.more_size(); ++i) {
    CheckAnswer(DecodeFollowingBatch(request, i, TheNetwork()));
  }
}

void CheckRequest(const v1::EvaluateRequest& request) {
  CheckAnswer(DecodeEvaluateBatch(request, "m", TheNetwork()));
}

void CheckRequest(const v1::GetModelRequest& request) { CheckAnswer(ModelName(request)); }

void CheckRequest(const v1::UpdateModelRequest& request) {
  CheckAnswer(Decode(request, TheSettings()));
}

template <typename Request>
void CheckRequest(const Request& request) {
  if constexpr (requires { Decode(request); }) {
    CheckAnswer(Decode(request));
  } else {
    CheckAnswer(Decode(request, TheNetwork()));
  }
}

struct FuzzedRequest {
  const google::protobuf::Message* prototype;
  void (*check)(const google::protobuf::Message& request);
};

template <typename Request>
FuzzedRequest Fuzzed() {
  return {&Request::default_instance(), [](const google::protobuf::Message& request) {
            CheckRequest(static_cast<const Request&>(request));
          }};
}

absl::Span<const FuzzedRequest> Requests() {
  static const FuzzedRequest kRequests[] = {
      Fuzzed<v1::CreateModelRequest>(),
      Fuzzed<v1::GetModelRequest>(),
      Fuzzed<v1::ListModelsRequest>(),
      Fuzzed<v1::DeleteModelRequest>(),
      Fuzzed<v1::UpdateModelRequest>(),
      Fuzzed<v1::GetParametersRequest>(),
      Fuzzed<v1::SetParametersRequest>(),
      Fuzzed<v1::ForwardRequest>(),
      Fuzzed<v1::GradientRequest>(),
      Fuzzed<v1::StepRequest>(),
      Fuzzed<v1::TrainRequest>(),
      Fuzzed<v1::PredictRequest>(),
      Fuzzed<v1::EvaluateRequest>(),
      Fuzzed<v1::CreateCheckpointRequest>(),
      Fuzzed<v1::ListCheckpointsRequest>(),
      Fuzzed<v1::RestoreCheckpointRequest>(),
      Fuzzed<v1::DeleteCheckpointRequest>(),
      Fuzzed<v1::BackupRequest>(),
      Fuzzed<v1::ListHistoryRequest>(),
  };
  return kRequests;
}

}  // namespace

absl::Span<const google::protobuf::Message* const> FuzzedRequests() {
  static const auto* prototypes = [] {
    auto* all = new std::vector<const google::protobuf::Message*>;
    for (const FuzzedRequest& request : Requests()) all->push_back(request.prototype);
    return all;
  }();
  return *prototypes;
}

}  // namespace descent::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto requests = descent::wire::Requests();
  if (size == 0 || data[0] >= requests.size()) return -1;
  const auto& fuzzed = requests[data[0]];
  const std::unique_ptr<google::protobuf::Message> request(fuzzed.prototype->New());
  if (!request->ParseFromArray(data + 1, static_cast<int>(size - 1))) return 0;
  for (const auto& network : descent::wire::Networks()) {
    descent::wire::the_network = network.get();
    fuzzed.check(*request);
  }
  return 0;
}
