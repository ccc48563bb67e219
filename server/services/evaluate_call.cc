#include "server/services/evaluate_call.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "core/status_macros.h"
#include "server/models/evaluation.h"
#include "server/models/model.h"
#include "server/services/unary_call.h"
#include "server/wire/decode.h"
#include "server/wire/encode.h"
#include "server/wire/status.h"

namespace descent::services {
namespace {

// Owns itself; goes when gRPC is done with it. One thing is under way at a time, a read or a reply
// of the evaluation, and whichever comes last ends the call; a cancellation only makes them fail.
class EvaluateCall final : public grpc::ServerReadReactor<v1::EvaluateRequest> {
 public:
  EvaluateCall(const models::Registry& registry, CallGate* gate, const MethodName& name,
               grpc::CallbackServerContext* context, v1::EvaluateResponse* response)
      : registry_(registry),
        context_(*context),
        response_(response),
        cancelled_(std::make_shared<std::atomic<bool>>(false)),
        pass_(gate, name, *context) {
    if (pass_.admission().ok()) {
      StartRead(&request_);
    } else {
      End(pass_.admission());
    }
  }

 private:
  void OnReadDone(bool ok) override {
    const absl::Status status = ok ? AddBatch() : FinishEvaluation();
    if (!status.ok()) End(status);
  }

  void OnCancel() override { cancelled_->store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

  absl::Status Begin() {
    ASSIGN_OR_RETURN(model_name_, wire::ModelName(request_));
    pass_.set_model(model_name_);
    ASSIGN_OR_RETURN(model_, registry_.Find(model_name_));
    evaluation_ = model_->BeginEvaluation();
    return absl::OkStatus();
  }

  absl::Status AddBatch() {
    if (evaluation_ == nullptr) RETURN_IF_ERROR(Begin());
    ASSIGN_OR_RETURN(Batch batch,
                     wire::DecodeEvaluateBatch(request_, model_name_, *model_->network()));
    evaluation_->Add(std::move(batch), context(), [this](const absl::StatusOr<std::int64_t>& rows) {
      if (rows.ok()) {
        StartRead(&request_);
      } else {
        End(rows.status());
      }
    });
    return absl::OkStatus();
  }

  absl::Status FinishEvaluation() {
    if (context_.IsCancelled()) return absl::CancelledError("the client cancelled the call");
    if (evaluation_ == nullptr) RETURN_IF_ERROR(wire::ModelName(v1::EvaluateRequest()).status());
    evaluation_->Finish(context(), [this](absl::StatusOr<models::EvaluateOutcome> outcome) {
      if (outcome.ok()) wire::Encode(*outcome, response_);
      End(outcome.status());
    });
    return absl::OkStatus();
  }

  void End(absl::Status status) {
    grpc::Status answer = wire::ToGrpcStatus(status);
    pass_.set_status(std::move(status));
    Finish(std::move(answer));
  }

  models::CallContext context() const { return {DeadlineOf(context_), cancelled_}; }

  const models::Registry& registry_;
  const grpc::CallbackServerContext& context_;
  v1::EvaluateResponse* const response_;
  const std::shared_ptr<std::atomic<bool>> cancelled_;
  CallPass pass_;

  v1::EvaluateRequest request_;
  std::string model_name_;
  std::shared_ptr<models::Model> model_;
  std::shared_ptr<models::Evaluation> evaluation_;
};

}  // namespace

grpc::ServerReadReactor<v1::EvaluateRequest>* ServeEvaluate(const models::Registry& registry,
                                                            CallGate* gate, const MethodName& name,
                                                            grpc::CallbackServerContext* context,
                                                            v1::EvaluateResponse* response) {
  return new EvaluateCall(registry, gate, name, context, response);
}

}  // namespace descent::services
