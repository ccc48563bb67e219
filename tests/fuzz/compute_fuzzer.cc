#include "tests/fuzz/compute_fuzzer.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "tests/fuzz/played_model.h"
#include "tests/fuzz/taken_requests.h"

namespace descent::fuzz {
namespace {

// What an input asks for, one action after the other.
class Play {
 public:
  explicit Play(Taken* taken) : taken_(*taken), model_(taken) {}

  void Run() {
    // An input's length bounds what is done for it.
    for (int i = 0; i < 64 && !taken_.empty(); ++i) {
      Act(static_cast<Action>(taken_.Below(kActions)));
    }
    model_.HalfClose();
    model_.CheckParameters();
  }

 private:
  void Act(Action action) {
    switch (action) {
      case Action::kPredict: {
        v1::PredictRequest request;
        *request.mutable_inputs() = Inputs();
        request.set_raw_outputs(taken_.Below(2) == 1);
        return model_.Run(request);
      }
      case Action::kForward: {
        v1::ForwardRequest request;
        *request.mutable_inputs() = Inputs();
        return model_.Run(request);
      }
      case Action::kGradient:
        return model_.Run(GradientOf(TakeBatch(&taken_, model_.network()), taken_.Byte()));
      case Action::kStep: {
        v1::StepRequest request;
        *request.mutable_batch() = TakeBatch(&taken_, model_.network());
        const int rate = taken_.Below(8);
        if (rate > 5) request.set_learning_rate(rate == 6 ? 1e4 : 1e300);
        if (taken_.Below(4) == 3) request.set_request_id(absl::StrCat(taken_.Below(4)));
        return model_.Run(request);
      }
      case Action::kTrainStart: {
        v1::TrainRequest request;
        request.mutable_start()->set_session_id(absl::StrCat("s", taken_.Below(3)));
        request.mutable_start()->set_ack_every(taken_.Below(4));
        return model_.Train(request);
      }
      case Action::kTrainBatch: {
        v1::TrainRequest request;
        const std::int64_t next = model_.next_sequence();
        const int odd = taken_.Below(16);
        request.mutable_batch()->set_sequence(odd == 15 ? taken_.Byte() : next);
        *request.mutable_batch()->mutable_batch() = TakeBatch(&taken_, model_.network());
        return model_.Train(request);
      }
      case Action::kTrainHalfClose:
        return model_.HalfClose();
      case Action::kEvaluateBatch: {
        v1::EvaluateRequest request;
        *request.mutable_batch() = TakeBatch(&taken_, model_.network());
        return model_.Evaluate(request);
      }
      case Action::kEvaluateFinish:
        return model_.FinishEvaluation();
      case Action::kSetParameters:
        return SetParameters();
      case Action::kUpdateModel: {
        v1::UpdateModelRequest request;
        request.mutable_model()->set_name(kModelName);
        v1::OptimizerSpec& optimizer = *request.mutable_model()->mutable_optimizer();
        optimizer.set_learning_rate(taken_.Below(2) == 0 ? 1e-3 : 1e6);
        request.mutable_update_mask()->add_paths("optimizer");
        // Whichever algorithm of the message, with its defaults.
        const auto* oneof = optimizer.GetDescriptor()->FindOneofByName("algorithm");
        optimizer.GetReflection()->MutableMessage(
            &optimizer, oneof->field(taken_.Byte() % oneof->field_count()));
        return model_.Run(request);
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
    return TakeTensor(&taken_, rows, model_.network().input_features());
  }

  void SetParameters() {
    v1::SetParametersRequest request;
    for (const ParameterInfo& parameter : model_.network().layout().parameters()) {
      v1::NamedTensor& named = *request.add_parameters();
      named.set_name(parameter.name);
      *named.mutable_tensor() = TakeTensor(&taken_, 1, parameter.size);
      named.mutable_tensor()->mutable_shape()->Assign(parameter.shape.begin(),
                                                      parameter.shape.end());
    }
    request.set_keep_optimizer_state(taken_.Below(2) == 1);
    model_.Run(request);
  }

  void Checkpoints() {
    const std::int64_t step = taken_.Below(8);
    switch (taken_.Below(4)) {
      case 0:
        return model_.Run(v1::CreateCheckpointRequest());
      case 1:
        return model_.Run(v1::ListCheckpointsRequest());
      case 2: {
        v1::RestoreCheckpointRequest request;
        request.set_step(step);
        return model_.Run(request);
      }
      default: {
        v1::DeleteCheckpointRequest request;
        request.set_step(step);
        return model_.Run(request);
      }
    }
  }

  void Lists() {
    v1::ListModelsRequest models;
    models.set_page_size(static_cast<std::int8_t>(taken_.Byte()));
    models.set_page_token(std::string(taken_.Bytes(taken_.Below(32))));
    model_.Run(models);
    v1::ListCheckpointsRequest checkpoints;
    checkpoints.set_page_size(models.page_size());
    checkpoints.set_page_token(models.page_token());
    model_.Run(checkpoints);
    v1::ListHistoryRequest history;
    history.set_after_step(models.page_size());
    history.set_page_size(models.page_size());
    history.set_page_token(models.page_token());
    model_.Run(history);
  }

  template <typename... Requests>
  void RunBytes(std::size_t kind, std::string_view bytes) {
    const auto run = [&]<typename Request>(Request request) {
      if (request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) model_.Run(request);
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

  Taken& taken_;
  PlayedModel model_;
};

}  // namespace
}  // namespace descent::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  descent::fuzz::Taken taken(data, size);
  descent::fuzz::Play(&taken).Run();
  return 0;
}
