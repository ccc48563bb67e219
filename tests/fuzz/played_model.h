// A small model in a server's registry, and every call on it: decoded, run, encoded and checked.

#ifndef TESTS_FUZZ_PLAYED_MODEL_H_
#define TESTS_FUZZ_PLAYED_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "core/network.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "server/models/registry/registry.h"
#include "tests/fuzz/taken_requests.h"
#include "tests/fuzz/train_observer.h"

namespace descent::fuzz {

inline constexpr char kModelName[] = "m";

// The gradient of a batch, with what the bits of `ways` ask for.
v1::GradientRequest GradientOf(const v1::Batch& batch, int ways);

class PlayedModel {
 public:
  // One of every loss and data type, as the bytes say.
  explicit PlayedModel(Taken* taken);
  // Deletes all models that there are.
  ~PlayedModel();
  PlayedModel(const PlayedModel&) = delete;
  PlayedModel& operator=(const PlayedModel&) = delete;

  const Network& network() const { return *model_->network(); }

  void Run(const v1::PredictRequest& request);
  void Run(const v1::ForwardRequest& request);
  void Run(const v1::GradientRequest& request);
  void Run(const v1::StepRequest& request);
  void Run(const v1::SetParametersRequest& request);
  void Run(const v1::GetParametersRequest& request);
  void Run(const v1::UpdateModelRequest& request);
  void Run(const v1::CreateCheckpointRequest& request);
  void Run(const v1::ListCheckpointsRequest& request);
  void Run(const v1::ListHistoryRequest& request);
  void Run(const v1::RestoreCheckpointRequest& request);
  void Run(const v1::DeleteCheckpointRequest& request);
  void Run(const v1::ListModelsRequest& request);
  void Run(const v1::CreateModelRequest& request);
  void Run(const v1::TrainRequest& request);
  void Run(const v1::EvaluateRequest& request);

  // The training stream and the evaluation that are under way, begun by their first message.
  void Train(const v1::TrainRequest& request);
  void HalfClose();
  void Evaluate(const v1::EvaluateRequest& request);
  void FinishEvaluation();
  // The sequence number after the last batch of the stream.
  std::int64_t next_sequence() const { return (observer_ == nullptr ? 0 : submitted_) + 1; }

  // All are finite.
  void CheckParameters();

 private:
  // Decodes, runs and encodes; the outcome if there is one.
  template <typename Response, typename Outcome, typename Command, typename Encode>
  std::optional<Outcome> RunOn(absl::StatusOr<Command> command,
                               void (models::Model::*run)(Command, models::CallContext,
                                                          models::Reply<Outcome>),
                               const Encode& encode);
  std::optional<double> LossOf(const v1::GradientRequest& request);

  std::shared_ptr<models::Model> model_;
  std::shared_ptr<Observer> observer_;
  std::shared_ptr<models::TrainingSession> session_;
  std::int64_t submitted_ = 0;
  std::shared_ptr<models::Evaluation> evaluation_;
  std::optional<double> first_loss_;  // of the evaluation, while it has one batch
};

}  // namespace descent::fuzz

#endif  // TESTS_FUZZ_PLAYED_MODEL_H_
