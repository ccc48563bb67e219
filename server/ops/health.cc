#include "server/ops/health.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "server/services/message.h"
#include "server/services/open_streams.h"

namespace descent::ops {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using HealthStub = grpc::health::v1::Health;

// Far more than the name of a service needs.
constexpr std::size_t kMaxRequestBytes = 4096;

constexpr services::MethodName kName{kHealthService, "health check"};

// False when it is none.
bool Read(const grpc::ByteBuffer& bytes, HealthCheckRequest* request) {
  return bytes.Length() <= kMaxRequestBytes && services::ParseMessage(bytes, kName, request).ok();
}

const grpc::Status& Malformed() {
  static const auto* const status = new grpc::Status(
      grpc::StatusCode::INVALID_ARGUMENT, "expected a HealthCheckRequest of at most 4096 bytes");
  return *status;
}

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
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    HealthCheckRequest request;
    if (!Read(*bytes, &request)) {
      reactor->Finish(Malformed());
      return reactor;
    }
    const absl::MutexLock lock(&mutex_);
    HealthCheckResponse answer;
    answer.set_status(StatusOf(request.service()));
    *response = services::SerializeMessage(answer);
    reactor->Finish(answer.status() == HealthCheckResponse::SERVICE_UNKNOWN
                        ? grpc::Status(grpc::StatusCode::NOT_FOUND, "no such service")
                        : grpc::Status::OK);
    return reactor;
  }

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                 grpc::ByteBuffer* response) override {
    const absl::MutexLock lock(&mutex_);
    grpc::health::v1::HealthListResponse answer;
    for (const std::string& name : names_) {
      (*answer.mutable_statuses())[name].set_status(StatusOf(name));
    }
    *response = services::SerializeMessage(answer);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* bytes) override;

  void SetServing(bool serving);
  void Shutdown();

 private:
  class Watcher;

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
  Watcher(Service* service, std::string name, grpc::CallbackServerContext* context)
      : service_(service),
        name_(std::move(name)),
        place_(service->resources_.streams, context->peer(),
               [context](const absl::Status& /*status*/) { context->TryCancel(); }) {}

  // Tells the analysis that the lock which the caller holds is the watcher's service's.
  void AssertLocked() const ABSL_ASSERT_EXCLUSIVE_LOCK(service_->mutex_) {
    service_->mutex_.AssertHeld();
  }

  // Sends the status if it is not what was sent last; then the end, if there is one. So whoever
  // watches sees the last change even when the end comes before its turn. A watch that is refused
  // sees its end alone.
  void Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(service_->mutex_) {
    if (writing_ || finished_) return;
    const HealthCheckResponse::ServingStatus status = service_->StatusOf(name_);
    const bool refused = end_.has_value() && !sent_.has_value();
    if (sent_ != status && !refused) {
      sent_ = status;
      writing_ = true;
      place_.Touch();
      HealthCheckResponse response;
      response.set_status(status);
      bytes_ = services::SerializeMessage(response);
      StartWrite(&bytes_);
    } else if (end_.has_value()) {
      finished_ = true;
      Finish(*end_);
    }
  }

  void End(grpc::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(service_->mutex_) {
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
    End(grpc::Status::CANCELLED);
  }

  void OnDone() override {
    {
      const absl::MutexLock lock(&service_->mutex_);
      service_->watchers_.erase(this);
    }
    delete this;
  }

  Service* const service_;
  const std::string name_;
  services::OpenStream place_;
  grpc::ByteBuffer bytes_;  // of the write that is under way
  std::optional<HealthCheckResponse::ServingStatus> sent_;
  bool writing_ = false;
  std::optional<grpc::Status> end_;
  bool finished_ = false;
};

grpc::ServerWriteReactor<grpc::ByteBuffer>* Health::Service::Watch(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) {
  HealthCheckRequest request;
  const bool is_read = Read(*bytes, &request);
  const absl::MutexLock lock(&mutex_);
  auto* watcher = new Watcher(this, request.service(), context);
  watcher->AssertLocked();
  if (shut_down_) {
    watcher->End({grpc::StatusCode::UNAVAILABLE, "the server is shutting down"});
  } else if (!is_read) {
    watcher->End(Malformed());
  } else {
    watchers_.insert(watcher);
    watcher->Write();
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
    watcher->End({grpc::StatusCode::UNAVAILABLE, "the server is shutting down"});
  }
}

Health::Health(std::vector<std::string> services, const services::CallResources& resources)
    : service_(std::make_unique<Service>(std::move(services), resources)) {}

Health::~Health() = default;

grpc::Service* Health::service() { return service_.get(); }

void Health::SetServing(bool serving) { service_->SetServing(serving); }

void Health::Shutdown() { service_->Shutdown(); }

}  // namespace descent::ops
