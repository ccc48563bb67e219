#include "server/ops/health.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/status_macros.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "server/services/call_gate.h"
#include "server/services/message.h"
#include "server/services/method_name.h"
#include "server/services/open_streams.h"
#include "server/services/unary_call.h"

namespace descent::ops {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using HealthStub = grpc::health::v1::Health;

// Far more than the name of a service needs.
constexpr std::size_t kMaxRequestBytes = 4096;

constexpr services::MethodName kCheck{kHealthService, "Check"};
constexpr services::MethodName kList{kHealthService, "List"};
constexpr services::MethodName kWatch{kHealthService, "Watch"};

absl::Status Read(const grpc::ByteBuffer& bytes, const services::MethodName& name,
                  HealthCheckRequest* request) {
  if (bytes.Length() <= kMaxRequestBytes && services::ParseMessage(bytes, name, request).ok()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("expected a HealthCheckRequest of at most 4096 bytes");
}

absl::Status ShuttingDown() { return absl::UnavailableError("the server is shutting down"); }

}  // namespace

// One mutex guards the status and all watches: there are few of both and nothing waits under it.
// Methods take and give bytes, so that gRPC parses nothing that has not been looked at.
class Health::Service final
    : public HealthStub::WithRawCallbackMethod_Check<HealthStub::WithRawCallbackMethod_List<
          HealthStub::WithRawCallbackMethod_Watch<HealthStub::Service>>> {
 public:
  Service(std::vector<std::string> names, const services::CallResources& resources)
      : resources_(resources), names_(std::move(names)) {
    names_.emplace_back();
  }

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* bytes,
                                  grpc::ByteBuffer* response) override {
    auto* call = new services::UnaryCall(resources_, kCheck, context, *bytes, response,
                                         services::CallKind::kProbe);
    HealthCheckResponse answer;
    const absl::Status status = AnswerCheck(*call, *bytes, &answer);
    if (status.ok()) {
      call->Answer(answer);
    } else {
      call->End(status);
    }
    return call;
  }

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const grpc::ByteBuffer* bytes,
                                 grpc::ByteBuffer* response) override {
    auto* call = new services::UnaryCall(resources_, kList, context, *bytes, response,
                                         services::CallKind::kProbe);
    if (call->admission().ok()) {
      call->Answer(AnswerList());
    } else {
      call->End(call->admission());
    }
    return call;
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* bytes) override;

  void SetServing(bool serving);
  void Shutdown();

 private:
  class Watcher;

  absl::Status AnswerCheck(const services::UnaryCall& call, const grpc::ByteBuffer& bytes,
                           HealthCheckResponse* answer) {
    RETURN_IF_ERROR(call.admission());
    HealthCheckRequest request;
    RETURN_IF_ERROR(Read(bytes, kCheck, &request));
    const absl::MutexLock lock(&mutex_);
    answer->set_status(StatusOf(request.service()));
    return answer->status() == HealthCheckResponse::SERVICE_UNKNOWN
               ? absl::NotFoundError("no such service")
               : absl::OkStatus();
  }

  grpc::health::v1::HealthListResponse AnswerList() {
    const absl::MutexLock lock(&mutex_);
    grpc::health::v1::HealthListResponse answer;
    for (const std::string& name : names_) {
      (*answer.mutable_statuses())[name].set_status(StatusOf(name));
    }
    return answer;
  }

  HealthCheckResponse::ServingStatus StatusOf(const std::string& name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
      return HealthCheckResponse::SERVICE_UNKNOWN;
    }
    return serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  }

  const services::CallResources& resources_;
  std::vector<std::string> names_;  // constant after construction

  absl::Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<Watcher*> watchers_ ABSL_GUARDED_BY(mutex_);
};

// One watch. Owns itself; goes when gRPC is done with it. All but its name is guarded by the
// service's mutex.
class Health::Service::Watcher final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  Watcher(Service* service, grpc::CallbackServerContext* context)
      : service_(service),
        pass_(service->resources_.gate, kWatch, *context, services::CallKind::kProbe),
        place_(service->resources_.streams, context->peer(),
               [context](const absl::Status& /*status*/) { context->TryCancel(); }) {}

  // Tells the analysis that the lock which the caller holds is the watcher's service's.
  void AssertLocked() const ABSL_ASSERT_EXCLUSIVE_LOCK(service_->mutex_) {
    service_->mutex_.AssertHeld();
  }

  // Reads what is to be watched, unless the watch is refused.
  absl::Status Begin(const grpc::ByteBuffer& bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(service_->mutex_) {
    pass_.AddReceived(bytes.Length());
    RETURN_IF_ERROR(pass_.admission());
    if (service_->shut_down_) return ShuttingDown();
    HealthCheckRequest request;
    RETURN_IF_ERROR(Read(bytes, kWatch, &request));
    name_ = request.service();
    return absl::OkStatus();
  }

  // Sends the status if it is not what was sent last; then the end, if there is one. So whoever
  // watches sees the last change even when the end comes before its turn. A watch that is refused
  // sees its end alone.
  void Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(service_->mutex_) {
    if (writing_ || finished_) return;
    const HealthCheckResponse::ServingStatus status = service_->StatusOf(name_);
    // A watch whose permit is taken back learns nothing any more.
    if (sent_ != status) {
      if (absl::Status permitted = pass_.Renew(); !permitted.ok()) {
        end_ = std::move(permitted);
        sent_ = status;
      }
    }
    const bool refused = end_.has_value() && !sent_.has_value();
    if (sent_ != status && !refused) {
      sent_ = status;
      writing_ = true;
      place_.Touch();
      HealthCheckResponse response;
      response.set_status(status);
      bytes_ = services::SerializeMessage(response);
      pass_.AddSent(bytes_.Length());
      StartWrite(&bytes_);
    } else if (end_.has_value()) {
      finished_ = true;
      Finish(pass_.End(*end_));
    }
  }

  void End(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(service_->mutex_) {
    if (!end_.has_value()) end_ = std::move(status);
    Write();
  }

 private:
  void OnWriteDone(bool) override {
    const absl::MutexLock lock(&service_->mutex_);
    writing_ = false;
    Write();
  }

  void OnCancel() override {
    const absl::MutexLock lock(&service_->mutex_);
    End(absl::CancelledError("the client went away"));
  }

  void OnDone() override {
    {
      const absl::MutexLock lock(&service_->mutex_);
      service_->watchers_.erase(this);
    }
    delete this;
  }

  Service* const service_;
  std::string name_;
  services::CallPass pass_;
  services::OpenStream place_;
  grpc::ByteBuffer bytes_;  // of the write that is under way
  std::optional<HealthCheckResponse::ServingStatus> sent_;
  bool writing_ = false;
  std::optional<absl::Status> end_;
  bool finished_ = false;
};

grpc::ServerWriteReactor<grpc::ByteBuffer>* Health::Service::Watch(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) {
  auto* watcher = new Watcher(this, context);
  const absl::MutexLock lock(&mutex_);
  watcher->AssertLocked();
  if (absl::Status status = watcher->Begin(*bytes); status.ok()) {
    watchers_.insert(watcher);
    watcher->Write();
  } else {
    watcher->End(std::move(status));
  }
  return watcher;
}

void Health::Service::SetServing(bool serving) {
  const absl::MutexLock lock(&mutex_);
  serving_ = serving;
  for (Watcher* watcher : watchers_) {
    watcher->AssertLocked();
    watcher->Write();
  }
}

void Health::Service::Shutdown() {
  const absl::MutexLock lock(&mutex_);
  shut_down_ = true;
  for (Watcher* watcher : watchers_) {
    watcher->AssertLocked();
    watcher->End(ShuttingDown());
  }
}

Health::Health(std::vector<std::string> services, const services::CallResources& resources)
    : service_(std::make_unique<Service>(std::move(services), resources)) {}

Health::~Health() = default;

grpc::Service* Health::service() { return service_.get(); }

void Health::SetServing(bool serving) { service_->SetServing(serving); }

void Health::Shutdown() { service_->Shutdown(); }

}  // namespace descent::ops
