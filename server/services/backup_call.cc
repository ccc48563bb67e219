#include "server/services/backup_call.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "server/models/backup_reading.h"
#include "server/services/call_gate.h"
#include "server/services/message.h"
#include "server/services/open_streams.h"
#include "server/services/unary_call.h"
#include "server/services/unsent_answers.h"
#include "server/wire/decode.h"
#include "server/wire/encode.h"

namespace descent::services {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10;

// Owns itself; goes when gRPC is done with it. One thing is under way at a time, a reply of the
// models or a write, and whichever comes last ends the call; a cancellation only makes it the last.
class BackupCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  BackupCall(models::Registry* registry, const CallResources& resources, const MethodName& name,
             grpc::CallbackServerContext* context, const grpc::ByteBuffer& bytes)
      : registry_(*registry),
        context_(*context),
        unsent_answers_(*resources.unsent),
        cancelled_(std::make_shared<std::atomic<bool>>(false)),
        pass_(resources.gate, name, *context, CallKind::kWork, bytes.Length()),
        place_(resources.streams, context->peer(),
               [context](const absl::Status& /*status*/) { context->TryCancel(); }) {
    pass_.AddReceived(bytes.Length());
    absl::Status status = pass_.admission();
    v1::BackupRequest request;
    if (status.ok()) status = ParseMessage(bytes, name, &request);
    if (status.ok()) status = wire::Decode(request);
    if (!status.ok()) {
      End(std::move(status));
      return;
    }
    unsent_answers_.Await(context_.peer(), 2 * kChunkBytes, *cancelled_, &unsent_,
                          [this](absl::Status turn) {
                            if (turn.ok()) {
                              Begin();
                            } else {
                              End(std::move(turn));
                            }
                          });
  }

 private:
  void OnWriteDone(bool ok) noexcept override {
    if (ok) {
      ReadChunk();
    } else {
      End(Cancelled());
    }
  }

  void OnCancel() override {
    cancelled_->store(true, std::memory_order_relaxed);
    unsent_answers_.Forget(&unsent_);
  }
  void OnDone() override { delete this; }

  void Begin() {
    registry_.MakeBackup({DeadlineOf(context_), cancelled_},
                         [this](absl::StatusOr<std::shared_ptr<models::BackupReading>> reading) {
                           if (!reading.ok()) {
                             End(reading.status());
                             return;
                           }
                           reading_ = *std::move(reading);
                           ReadChunk();
                         });
  }

  void ReadChunk() {
    if (absl::Status permitted = pass_.Renew(); !permitted.ok()) {
      End(std::move(permitted));
      return;
    }
    reading_->Next(kChunkBytes, [this](absl::StatusOr<std::string> chunk) {
      if (!chunk.ok()) {
        End(chunk.status());
      } else if (cancelled_->load(std::memory_order_relaxed)) {
        End(Cancelled());
      } else if (chunk->empty()) {
        End(absl::OkStatus());
      } else {
        v1::BackupResponse response;
        wire::EncodeBackup(*std::move(chunk), reading_->size_bytes(), &response);
        bytes_ = SerializeMessage(response);
        pass_.AddSent(bytes_.Length());
        unsent_.Sending([this] { context_.TryCancel(); });
        place_.Touch();
        StartWrite(&bytes_);
      }
    });
  }

  static absl::Status Cancelled() { return absl::CancelledError("the client went away"); }

  void End(absl::Status status) {
    reading_.reset();
    Finish(pass_.End(std::move(status)));
  }

  models::Registry& registry_;
  const grpc::CallbackServerContext& context_;
  UnsentAnswers& unsent_answers_;
  const std::shared_ptr<std::atomic<bool>> cancelled_;
  CallPass pass_;
  OpenStream place_;
  UnsentAnswer unsent_;

  std::shared_ptr<models::BackupReading> reading_;
  grpc::ByteBuffer bytes_;  // of the write that is under way
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* ServeBackup(models::Registry* registry,
                                                        const CallResources& resources,
                                                        const MethodName& name,
                                                        grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer& request) {
  return new BackupCall(registry, resources, name, context, request);
}

}  // namespace descent::services
