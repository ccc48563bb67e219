#include "server/services/export_call.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "core/exceptions.h"
#include "core/status_macros.h"
#include "server/models/registry/model.h"
#include "server/models/work/executor.h"
#include "server/services/call_gate.h"
#include "server/services/message.h"
#include "server/services/model_files.h"
#include "server/services/open_streams.h"
#include "server/services/unary_call.h"
#include "server/services/unsent_answers.h"
#include "server/wire/model_files.h"

namespace descent::services {
namespace {

constexpr std::size_t kExportChunkBytes = std::size_t{256} << 10;

// Owns itself; goes when gRPC is done with it. One thing is under way at a time, the model's reply,
// the making of the file or a write, and whichever comes last ends the call; a cancellation only
// makes it the last.
class ExportCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  ExportCall(const models::Registry& registry, const CallResources& resources,
             const MethodName& name, grpc::CallbackServerContext* context,
             const grpc::ByteBuffer& bytes)
      : resources_(resources),
        context_(*context),
        cancelled_(std::make_shared<std::atomic<bool>>(false)),
        pass_(resources.gate, name, *context, CallKind::kWork, bytes.Length()),
        place_(resources.streams, context->peer(),
               [context](const absl::Status& /*status*/) { context->TryCancel(); }) {
    pass_.AddReceived(bytes.Length());
    absl::Status status = pass_.admission();
    if (status.ok()) status = Begin(registry, name, bytes);
    if (!status.ok()) End(std::move(status));
  }

 private:
  absl::Status Begin(const models::Registry& registry, const MethodName& name,
                     const grpc::ByteBuffer& bytes) {
    v1::ExportModelRequest request;
    RETURN_IF_ERROR(ParseMessage(bytes, name, &request));
    ASSIGN_OR_RETURN(const std::string model, wire::ModelName(request));
    RETURN_IF_ERROR(pass_.AdmitModel(model));
    ASSIGN_OR_RETURN(request_, wire::Decode(request));
    ASSIGN_OR_RETURN(model_, registry.Find(request_.model));
    resources_.unsent->Await(context_.peer(), 2 * kExportChunkBytes, *cancelled_, &unsent_,
                             [this](absl::Status turn) {
                               if (turn.ok()) {
                                 TakeModel();
                               } else {
                                 End(std::move(turn));
                               }
                             });
    return absl::OkStatus();
  }

  void TakeModel() {
    model_->Export(request_.command, {DeadlineOf(context_), cancelled_, CallerOf(context_)},
                   [this](absl::StatusOr<models::ExportModelOutcome> outcome) {
                     if (!outcome.ok()) {
                       End(outcome.status());
                       return;
                     }
                     // The header of a deep network is long, and its hash takes a look at every
                     // parameter.
                     resources_.executor->Post([this, outcome = *std::move(outcome)]() mutable {
                       MakeModelFile(std::move(outcome));
                     });
                   });
  }

  void MakeModelFile(models::ExportModelOutcome outcome) {
    absl::StatusOr<std::unique_ptr<ExportedFile>> file = CatchExceptions([&] {
      return MakeFile(request_.format, std::move(outcome), request_.command.include_optimizer,
                      resources_.memory);
    });
    if (file.ok()) {
      file_ = *std::move(file);
      WriteChunk();
    } else {
      End(file.status());
    }
  }

  void OnWriteDone(bool ok) noexcept override {
    if (ok) {
      WriteChunk();
    } else {
      End(Gone());
    }
  }

  void WriteChunk() {
    if (absl::Status permitted = pass_.Renew(); !permitted.ok()) {
      End(std::move(permitted));
      return;
    }
    if (cancelled_->load(std::memory_order_relaxed)) {
      End(Gone());
      return;
    }
    std::string chunk = file_->Next(kExportChunkBytes);
    if (chunk.empty()) {
      End(absl::OkStatus());
      return;
    }
    v1::ExportModelResponse response;
    wire::EncodeExportChunk(std::move(chunk), &response);
    bytes_ = SerializeMessage(response);
    pass_.AddSent(bytes_.Length());
    unsent_.Sending([this] { context_.TryCancel(); });
    place_.Touch();
    StartWrite(&bytes_);
  }

  void OnCancel() override {
    cancelled_->store(true, std::memory_order_relaxed);
    resources_.unsent->Forget(&unsent_);
  }
  void OnDone() override { delete this; }

  static absl::Status Gone() { return absl::CancelledError("the client went away"); }

  void End(absl::Status status) {
    file_.reset();
    model_.reset();
    Finish(pass_.End(std::move(status)));
  }

  const CallResources& resources_;
  const grpc::CallbackServerContext& context_;
  const std::shared_ptr<std::atomic<bool>> cancelled_;
  CallPass pass_;
  OpenStream place_;
  UnsentAnswer unsent_;

  wire::ExportRequest request_;
  std::shared_ptr<models::Model> model_;
  std::unique_ptr<ExportedFile> file_;
  grpc::ByteBuffer bytes_;  // of the write that is under way
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* ServeExport(const models::Registry& registry,
                                                        const CallResources& resources,
                                                        const MethodName& name,
                                                        grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer& request) {
  return new ExportCall(registry, resources, name, context, request);
}

}  // namespace descent::services
