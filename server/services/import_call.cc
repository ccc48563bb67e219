#include "server/services/import_call.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "core/exceptions.h"
#include "core/status_macros.h"
#include "server/models/errors.h"
#include "server/models/registry/model.h"
#include "server/models/work/executor.h"
#include "server/models/work/memory_budget.h"
#include "server/services/call_gate.h"
#include "server/services/message.h"
#include "server/services/message_reader.h"
#include "server/services/model_files.h"
#include "server/services/open_streams.h"
#include "server/services/paced_read.h"
#include "server/services/unary_call.h"
#include "server/wire/model_files.h"

namespace descent::services {
namespace {

// Owns itself; goes when gRPC is done with it. One thing is under way at a time, a read, the
// reading of the file or the registry's reply, and whichever comes last ends the call; a
// cancellation only makes them fail.
class ImportCall final : public grpc::ServerReadReactor<grpc::ByteBuffer> {
 public:
  ImportCall(models::Registry* registry, const CallResources& resources, const MethodName& name,
             grpc::CallbackServerContext* context, grpc::ByteBuffer* response)
      : registry_(*registry),
        resources_(resources),
        name_(name),
        context_(*context),
        response_(response),
        cancelled_(std::make_shared<std::atomic<bool>>(false)),
        pass_(resources.gate, name, *context),
        // A stream that has to go is cancelled, for a read may be under way.
        place_(resources.streams, context->peer(),
               [context](const absl::Status& /*status*/) { context->TryCancel(); }),
        charge_(resources.memory->Count(models::MemoryPurpose::kReceived, 0)) {
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
      TakeFile();
      return;
    }
    read_bytes_ = bytes_.Length();
    if (const absl::Status permitted = pass_.AdmitMessage(read_bytes_); !permitted.ok()) {
      End(permitted);
      return;
    }
    resources_.reader->Read<v1::ImportModelRequest>(
        name_, &bytes_, [this](absl::Status status, const v1::ImportModelRequest& request) {
          if (status.ok()) status = Take(request);
          if (status.ok()) {
            pass_.Answered(read_bytes_);
            Read();
          } else {
            End(status);
          }
        });
  }

  void OnCancel() override { cancelled_->store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

  absl::Status Take(const v1::ImportModelRequest& message) {
    return request_.has_value() ? AddChunk(*request_, message) : Begin(message);
  }

  absl::Status Begin(const v1::ImportModelRequest& message) {
    ASSIGN_OR_RETURN(const std::string name, wire::ModelName(message));
    RETURN_IF_ERROR(pass_.AdmitModel(name));
    absl::StatusOr<wire::ImportRequest> request =
        CatchExceptions([&] { return wire::DecodeImportStart(message); });
    RETURN_IF_ERROR(request.status());
    // Said again when the name is taken for good; a file that would come for nothing need not.
    if (registry_.Find(request->name).ok()) return models::ModelExists(request->name);
    request_ = *std::move(request);
    return absl::OkStatus();
  }

  absl::Status AddChunk(const wire::ImportRequest& request, const v1::ImportModelRequest& message) {
    RETURN_IF_ERROR(wire::CheckImportChunk(message));
    RETURN_IF_ERROR(charge_.TryRaise(file_.size() + message.chunk().size()));
    const bool was_short = file_.size() < kBeginningBytes;
    file_.Append(message.chunk());
    return was_short ? CheckFileBeginning(request.format, file_) : absl::OkStatus();
  }

  void TakeFile() {
    if (context_.IsCancelled()) {
      End(absl::CancelledError("the client cancelled the call"));
    } else if (!request_.has_value()) {
      End(wire::ModelName(v1::ImportModelRequest()).status());
    } else {
      resources_.executor->Post([this] { Import(); });
    }
  }

  void Import() {
    absl::StatusOr<models::ImportModelCommand> command =
        CatchExceptions([&] { return ReadFile(*std::move(request_), std::move(file_), &charge_); });
    if (!command.ok()) {
      End(command.status());
      return;
    }
    registry_.Import(*std::move(command), {DeadlineOf(context_), cancelled_, CallerOf(context_)},
                     [this](const absl::StatusOr<models::ModelInfo>& info) {
                       if (info.ok()) {
                         v1::ImportModelResponse response;
                         wire::Encode(*info, &response);
                         *response_ = SerializeMessage(response);
                         pass_.AddSent(response_->Length());
                       }
                       End(info.status());
                     });
  }

  void End(absl::Status status) { Finish(pass_.End(std::move(status))); }

  // Of which it can be told whether it is a file at all.
  static constexpr std::size_t kBeginningBytes = 16;

  models::Registry& registry_;
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
  std::optional<wire::ImportRequest> request_;
  absl::Cord file_;
  // Of the file, and then of the state that is read from it.
  models::MemoryCharge charge_;
};

}  // namespace

grpc::ServerReadReactor<grpc::ByteBuffer>* ServeImport(models::Registry* registry,
                                                       const CallResources& resources,
                                                       const MethodName& name,
                                                       grpc::CallbackServerContext* context,
                                                       grpc::ByteBuffer* response) {
  return new ImportCall(registry, resources, name, context, response);
}

}  // namespace descent::services
