#include "server/services/backup_call.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "server/models/backup_reading.h"
#include "server/services/unary_call.h"
#include "server/wire/decode.h"
#include "server/wire/encode.h"
#include "server/wire/status.h"

namespace descent::services {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10;

// Owns itself; goes when gRPC is done with it. One thing is under way at a time, a reply of the
// models or a write, and whichever comes last ends the call; a cancellation only makes it the last.
class BackupCall final : public grpc::ServerWriteReactor<v1::BackupResponse> {
 public:
  BackupCall(models::Registry* registry, CallGate* gate, const MethodName& name,
             grpc::CallbackServerContext* context, const v1::BackupRequest& request)
      : context_(*context),
        cancelled_(std::make_shared<std::atomic<bool>>(false)),
        pass_(gate, name, *context) {
    absl::Status status = pass_.admission();
    if (status.ok()) status = wire::Decode(request);
    if (!status.ok()) {
      End(std::move(status));
      return;
    }
    registry->MakeBackup({DeadlineOf(context_), cancelled_},
                         [this](absl::StatusOr<std::shared_ptr<models::BackupReading>> reading) {
                           if (!reading.ok()) {
                             End(reading.status());
                             return;
                           }
                           reading_ = *std::move(reading);
                           ReadChunk();
                         });
  }

 private:
  void OnWriteDone(bool ok) override {
    if (ok) {
      ReadChunk();
    } else {
      End(Cancelled());
    }
  }

  void OnCancel() override { cancelled_->store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }

  void ReadChunk() {
    reading_->Next(kChunkBytes, [this](absl::StatusOr<std::string> chunk) {
      if (!chunk.ok()) {
        End(chunk.status());
      } else if (cancelled_->load(std::memory_order_relaxed)) {
        End(Cancelled());
      } else if (chunk->empty()) {
        End(absl::OkStatus());
      } else {
        response_.Clear();
        wire::EncodeBackup(*std::move(chunk), reading_->size_bytes(), &response_);
        StartWrite(&response_);
      }
    });
  }

  static absl::Status Cancelled() { return absl::CancelledError("the client went away"); }

  void End(absl::Status status) {
    reading_.reset();
    grpc::Status answer = wire::ToGrpcStatus(status);
    pass_.set_status(std::move(status));
    Finish(std::move(answer));
  }

  const grpc::CallbackServerContext& context_;
  const std::shared_ptr<std::atomic<bool>> cancelled_;
  CallPass pass_;

  std::shared_ptr<models::BackupReading> reading_;
  v1::BackupResponse response_;  // of the write that is under way
};

}  // namespace

grpc::ServerWriteReactor<v1::BackupResponse>* ServeBackup(models::Registry* registry,
                                                          CallGate* gate, const MethodName& name,
                                                          grpc::CallbackServerContext* context,
                                                          const v1::BackupRequest& request) {
  return new BackupCall(registry, gate, name, context, request);
}

}  // namespace descent::services
