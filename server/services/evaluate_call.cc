#include "server/services/evaluate_call.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/exceptions.h"
#include "core/status_macros.h"
#include "server/models/evaluation.h"
#include "server/models/registry/model.h"
#include "server/services/call_gate.h"
#include "server/services/message.h"
#include "server/services/message_reader.h"
#include "server/services/open_streams.h"
#include "server/services/paced_read.h"
#include "server/services/unary_call.h"
#include "server/wire/decode.h"
#include "server/wire/encode.h"

namespace descent::services {
namespace {

// Owns itself; goes when gRPC is done with it. One thing is under way at a time, a read or a reply
// of the evaluation, and whichever comes last ends the call; a cancellation only makes them fail.
class EvaluateCall final : public grpc::ServerReadReactor<grpc::ByteBuffer> {
 public:
  EvaluateCall(const models::Registry& registry, const CallResources& resources,
               const MethodName& name, grpc::CallbackServerContext* context,
               grpc::ByteBuffer* response)
      : registry_(registry),
        resources_(resources),
        name_(name),
        context_(*context),
        response_(response),
        cancelled_(std::make_shared<std::atomic<bool>>(false)),
        pass_(resources.gate, name, *context),
        // A stream that has to go is cancelled, for a read may be under way.
        place_(resources.streams, context->peer(),
               [context](const absl::Status& /*status*/) { context->TryCancel(); }) {
    if (pass_.admission().ok()) {
      Read();
    } else {
      End(pass_.admission());
    }
  }

 private:
  void Read() {
    paced_read_.WhenAllowed(pass_, [this] { StartRead(&bytes_); });
  }

  void OnReadDone(bool ok) noexcept override {
    place_.Touch();
    if (!ok) {
      const absl::Status status = FinishEvaluation();
      if (!status.ok()) End(status);
      return;
    }
    read_bytes_ = bytes_.Length();
    if (const absl::Status permitted = pass_.AdmitMessage(read_bytes_); !permitted.ok()) {
      End(permitted);
      return;
    }
    resources_.reader->Read<v1::EvaluateRequest>(
        name_, &bytes_, [this](absl::Status status, const v1::EvaluateRequest& request) {
          if (status.ok()) status = AddBatch(request);
          if (!status.ok()) End(status);
        });
  }

  void OnCancel() override { cancelled_->store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

  absl::Status Begin(const v1::EvaluateRequest& request) {
    ASSIGN_OR_RETURN(model_name_, wire::ModelName(request));
    RETURN_IF_ERROR(pass_.AdmitModel(model_name_));
    ASSIGN_OR_RETURN(model_, registry_.Find(model_name_));
    evaluation_ = model_->BeginEvaluation();
    return absl::OkStatus();
  }

  absl::Status AddBatch(const v1::EvaluateRequest& request) {
    if (evaluation_ == nullptr) RETURN_IF_ERROR(Begin(request));
    absl::StatusOr<Batch> batch = CatchExceptions(
        [&] { return wire::DecodeEvaluateBatch(request, model_name_, *model_->network()); });
    if (!batch.ok()) {
      return WithMetadata(std::move(batch).status(), "rows_before", absl::StrCat(rows_));
    }
    evaluation_->Add(*std::move(batch), context(),
                     [this](const absl::StatusOr<std::int64_t>& rows) {
                       if (rows.ok()) {
                         rows_ = *rows;
                         pass_.Answered(read_bytes_);
                         Read();
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
      if (outcome.ok()) {
        v1::EvaluateResponse response;
        wire::Encode(*outcome, &response);
        *response_ = SerializeMessage(response);
        pass_.AddSent(response_->Length());
      }
      End(outcome.status());
    });
    return absl::OkStatus();
  }

  void End(absl::Status status) { Finish(pass_.End(std::move(status))); }

  models::CallContext context() const {
    return {DeadlineOf(context_), cancelled_, CallerOf(context_)};
  }

  const models::Registry& registry_;
  const CallResources& resources_;
  const MethodName name_;
  const grpc::CallbackServerContext& context_;
  grpc::ByteBuffer* const response_;
  const std::shared_ptr<std::atomic<bool>> cancelled_;
  CallPass pass_;
  OpenStream place_;

  PacedRead paced_read_;
  grpc::ByteBuffer bytes_;      // of the read that is under way; none once they are taken
  std::size_t read_bytes_ = 0;  // of the message that was read last
  std::string model_name_;
  std::shared_ptr<models::Model> model_;
  std::shared_ptr<models::Evaluation> evaluation_;
  std::int64_t rows_ = 0;  // of the batches that were added
};

}  // namespace

grpc::ServerReadReactor<grpc::ByteBuffer>* ServeEvaluate(const models::Registry& registry,
                                                         const CallResources& resources,
                                                         const MethodName& name,
                                                         grpc::CallbackServerContext* context,
                                                         grpc::ByteBuffer* response) {
  return new EvaluateCall(registry, resources, name, context, response);
}

}  // namespace descent::services
