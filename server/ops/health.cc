#include "server/ops/health.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace descent::ops {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// Most watches at once: more are refused.
constexpr std::size_t kMaxWatches = 1024;

}  // namespace

// One mutex guards the status and all watches: there are few of both and nothing waits under it.
class Health::Service final : public grpc::health::v1::Health::CallbackService {
 public:
  explicit Service(std::vector<std::string> names) : names_(std::move(names)) {
    names_.emplace_back();
  }

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const HealthCheckRequest* request,
                                  HealthCheckResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    response->set_status(StatusOf(request->service()));
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(response->status() == HealthCheckResponse::SERVICE_UNKNOWN
                        ? grpc::Status(grpc::StatusCode::NOT_FOUND, "no such service")
                        : grpc::Status::OK);
    return reactor;
  }

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const grpc::health::v1::HealthListRequest*,
                                 grpc::health::v1::HealthListResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    for (const std::string& name : names_) {
      (*response->mutable_statuses())[name].set_status(StatusOf(name));
    }
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerWriteReactor<HealthCheckResponse>* Watch(grpc::CallbackServerContext*,
                                                       const HealthCheckRequest* request) override;

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

  std::vector<std::string> names_;  // constant after construction

  absl::Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<Watcher*> watchers_ ABSL_GUARDED_BY(mutex_);
};

// One watch. Owns itself; goes when gRPC is done with it. All but its name is guarded by the
// service's mutex.
class Health::Service::Watcher final : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  Watcher(Service* service, std::string name) : service_(service), name_(std::move(name)) {}

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
      response_.set_status(status);
      StartWrite(&response_);
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
  HealthCheckResponse response_;
  std::optional<HealthCheckResponse::ServingStatus> sent_;
  bool writing_ = false;
  std::optional<grpc::Status> end_;
  bool finished_ = false;
};

grpc::ServerWriteReactor<HealthCheckResponse>* Health::Service::Watch(
    grpc::CallbackServerContext*, const HealthCheckRequest* request) {
  const absl::MutexLock lock(&mutex_);
  auto* watcher = new Watcher(this, request->service());
  watcher->AssertLocked();
  if (shut_down_) {
    watcher->End({grpc::StatusCode::UNAVAILABLE, "the server is shutting down"});
  } else if (watchers_.size() >= kMaxWatches) {
    watcher->End({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many watches"});
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

Health::Health(std::vector<std::string> services)
    : service_(std::make_unique<Service>(std::move(services))) {}

Health::~Health() = default;

grpc::Service* Health::service() { return service_.get(); }

void Health::SetServing(bool serving) { service_->SetServing(serving); }

void Health::Shutdown() { service_->Shutdown(); }

}  // namespace descent::ops
