// A thin client of the services for tests: messages in, messages or error details out, nothing
// retried, nothing hidden. gRPC's slow headers stay in the source file.

#ifndef TESTS_SUPPORT_SERVICE_CLIENT_H_
#define TESTS_SUPPORT_SERVICE_CLIENT_H_

#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "descent/v1/admin_service.pb.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "inference/open_inference.pb.h"

namespace grpc {
class Channel;
}

namespace descent::testing {

// How a call ended: the status with what its google.rpc details say.
struct CallStatus {
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string message;
  std::string domain;                                 // of ErrorInfo
  std::string reason;                                 // of ErrorInfo
  std::map<std::string, std::string> metadata;        // of ErrorInfo
  std::vector<std::string> fields;                    // of BadRequest
  absl::Duration retry_delay = absl::ZeroDuration();  // of RetryInfo

  bool ok() const { return code == absl::StatusCode::kOk; }
};

std::ostream& operator<<(std::ostream& out, const CallStatus& status);

template <typename Response>
struct Answer {
  CallStatus status;
  Response response;

  bool ok() const { return status.ok(); }
  const Response* operator->() const { return &response; }
};

template <typename Response>
std::ostream& operator<<(std::ostream& out, const Answer<Response>& answer) {
  return out << answer.status << " " << answer.response.ShortDebugString().substr(0, 1000);
}

// Lets a call be cancelled from another thread.
class Canceller {
 public:
  Canceller();
  ~Canceller();
  void Cancel();

 private:
  friend struct CallState;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct CallOptions {
  absl::Duration timeout = absl::Seconds(60);
  Canceller* canceller = nullptr;
  bool compressed = false;
  std::map<std::string, std::string> metadata = {};
};

// One Train stream. Not thread-safe, but one thread may write while another reads.
class TrainStream {
 public:
  TrainStream(const std::shared_ptr<grpc::Channel>& channel, const CallOptions& options);
  // Cancels a stream that was not finished.
  ~TrainStream();
  TrainStream(TrainStream&&) noexcept;

  // False when the stream has ended.
  bool Write(const v1::TrainRequest& request);
  // Empty when the stream has ended.
  std::optional<v1::TrainResponse> Read();
  void HalfClose();
  void Cancel();
  // How the stream ended. Reads what is left.
  CallStatus Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One Backup stream. Not thread-safe.
class BackupStream {
 public:
  BackupStream(const std::shared_ptr<grpc::Channel>& channel, const v1::BackupRequest& request,
               const CallOptions& options);
  // Cancels a stream that was not finished.
  ~BackupStream();

  // Empty when the stream has ended.
  std::optional<v1::BackupResponse> Read();
  void Cancel();
  // How the stream ended. Reads what is left.
  CallStatus Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class ServiceClient {
 public:
  explicit ServiceClient(std::shared_ptr<grpc::Channel> channel);
  // Over TCP, without encryption.
  explicit ServiceClient(const std::string& address);
  ~ServiceClient();

  Answer<v1::CreateModelResponse> Call(const v1::CreateModelRequest& request, CallOptions = {});
  Answer<v1::GetModelResponse> Call(const v1::GetModelRequest& request, CallOptions = {});
  Answer<v1::ListModelsResponse> Call(const v1::ListModelsRequest& request, CallOptions = {});
  Answer<v1::DeleteModelResponse> Call(const v1::DeleteModelRequest& request, CallOptions = {});
  Answer<v1::UpdateModelResponse> Call(const v1::UpdateModelRequest& request, CallOptions = {});
  Answer<v1::GetParametersResponse> Call(const v1::GetParametersRequest& request, CallOptions = {});
  Answer<v1::SetParametersResponse> Call(const v1::SetParametersRequest& request, CallOptions = {});
  Answer<v1::CreateCheckpointResponse> Call(const v1::CreateCheckpointRequest& request,
                                            CallOptions = {});
  Answer<v1::ListCheckpointsResponse> Call(const v1::ListCheckpointsRequest& request,
                                           CallOptions = {});
  Answer<v1::ListHistoryResponse> Call(const v1::ListHistoryRequest& request, CallOptions = {});
  Answer<v1::RestoreCheckpointResponse> Call(const v1::RestoreCheckpointRequest& request,
                                             CallOptions = {});
  Answer<v1::DeleteCheckpointResponse> Call(const v1::DeleteCheckpointRequest& request,
                                            CallOptions = {});
  // The file's bytes are joined in one response.
  Answer<v1::ExportModelResponse> Call(const v1::ExportModelRequest& request, CallOptions = {});
  Answer<v1::ImportModelResponse> Call(const std::vector<v1::ImportModelRequest>& requests,
                                       CallOptions = {});

  Answer<v1::ForwardResponse> Call(const v1::ForwardRequest& request, CallOptions = {});
  Answer<v1::GradientResponse> Call(const v1::GradientRequest& request, CallOptions = {});
  Answer<v1::StepResponse> Call(const v1::StepRequest& request, CallOptions = {});
  Answer<v1::PredictResponse> Call(const v1::PredictRequest& request, CallOptions = {});
  Answer<v1::EvaluateResponse> Call(const std::vector<v1::EvaluateRequest>& requests,
                                    CallOptions = {});
  TrainStream Train(const CallOptions& options = {});

  // The file's bytes are joined in one response.
  Answer<v1::BackupResponse> Call(const v1::BackupRequest& request, CallOptions = {});
  BackupStream Backup(const v1::BackupRequest& request = {}, const CallOptions& options = {});

  Answer<inference::ServerLiveResponse> Call(const inference::ServerLiveRequest& request,
                                             CallOptions = {});
  Answer<inference::ServerReadyResponse> Call(const inference::ServerReadyRequest& request,
                                              CallOptions = {});
  Answer<inference::ServerMetadataResponse> Call(const inference::ServerMetadataRequest& request,
                                                 CallOptions = {});
  Answer<inference::ModelReadyResponse> Call(const inference::ModelReadyRequest& request,
                                             CallOptions = {});
  Answer<inference::ModelMetadataResponse> Call(const inference::ModelMetadataRequest& request,
                                                CallOptions = {});
  Answer<inference::ModelInferResponse> Call(const inference::ModelInferRequest& request,
                                             CallOptions = {});

  // What grpc.health.v1.Health.Check answers for a service: "SERVING", …, or the status' code.
  std::string CheckHealth(const std::string& service, const CallOptions& options = {});

 private:
  struct Stubs;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Stubs> stubs_;
};

}  // namespace descent::testing

#endif  // TESTS_SUPPORT_SERVICE_CLIENT_H_
