#include "tests/support/service_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "absl/time/clock.h"
#include "descent/v1/admin_service.grpc.pb.h"
#include "descent/v1/model_service.grpc.pb.h"
#include "descent/v1/network_service.grpc.pb.h"
#include "google/protobuf/util/time_util.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "inference/open_inference.grpc.pb.h"

namespace descent::testing {

struct Canceller::Impl {
  grpc::ClientContext context;
};

Canceller::Canceller() : impl_(std::make_unique<Impl>()) {}
Canceller::~Canceller() = default;
void Canceller::Cancel() { impl_->context.TryCancel(); }

// The context of one call, the canceller's or its own.
struct CallState {
  explicit CallState(const CallOptions& options)
      : context(options.canceller != nullptr ? options.canceller->impl_->context : own) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + options.timeout));
    for (const auto& [key, value] : options.metadata) context.AddMetadata(key, value);
    if (options.compressed) context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  }

  grpc::ClientContext own;
  grpc::ClientContext& context;
};

namespace {

CallStatus MakeCallStatus(const grpc::Status& status) {
  CallStatus result;
  result.code = static_cast<absl::StatusCode>(status.error_code());
  result.message = status.error_message();
  google::rpc::Status rich;
  if (!rich.ParseFromString(status.error_details())) rich.Clear();
  for (const auto& detail : rich.details()) {
    if (google::rpc::ErrorInfo info; detail.UnpackTo(&info)) {
      result.domain = info.domain();
      result.reason = info.reason();
      result.metadata.insert(info.metadata().begin(), info.metadata().end());
    } else if (google::rpc::BadRequest bad_request; detail.UnpackTo(&bad_request)) {
      for (const auto& violation : bad_request.field_violations()) {
        result.fields.push_back(violation.field());
      }
    } else if (google::rpc::RetryInfo retry; detail.UnpackTo(&retry)) {
      result.retry_delay = absl::Nanoseconds(
          google::protobuf::util::TimeUtil::DurationToNanoseconds(retry.retry_delay()));
    }
  }
  return result;
}

template <typename Stub, typename Request, typename Response>
Answer<Response> Unary(Stub& stub,
                       grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                    Response*),
                       const Request& request, const CallOptions& options) {
  CallState call(options);
  Answer<Response> answer;
  answer.status = MakeCallStatus((stub.*method)(&call.context, request, &answer.response));
  return answer;
}

template <typename Writer, typename Request>
grpc::Status WriteAll(Writer& writer, const std::vector<Request>& requests) {
  for (const Request& request : requests) {
    if (!writer.Write(request)) break;
  }
  writer.WritesDone();
  return writer.Finish();
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const CallStatus& status) {
  out << absl::StatusCodeToString(status.code) << " " << status.reason << ": " << status.message;
  for (const auto& [key, value] : status.metadata) out << " " << key << "=" << value;
  return out;
}

struct ServiceClient::Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel)
      : models(channel), networks(channel), inferences(channel), health(channel) {}
  v1::ModelService::Stub models;
  v1::NetworkService::Stub networks;
  inference::GRPCInferenceService::Stub inferences;
  grpc::health::v1::Health::Stub health;
};

ServiceClient::ServiceClient(std::shared_ptr<grpc::Channel> channel)
    : channel_(std::move(channel)), stubs_(std::make_unique<Stubs>(channel_)) {}

ServiceClient::ServiceClient(const std::string& address)
    : ServiceClient([&] {
        grpc::ChannelArguments arguments;
        arguments.SetMaxReceiveMessageSize(-1);
        // Clients of one test program would share one connection otherwise.
        arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
        arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
        return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
      }()) {}

ServiceClient::~ServiceClient() = default;

#define DESCENT_UNARY(stub, service, method)                                           \
  Answer<v1::method##Response> ServiceClient::Call(const v1::method##Request& request, \
                                                   CallOptions options) {              \
    return Unary(stubs_->stub, &v1::service::Stub::method, request, options);          \
  }
DESCENT_UNARY(models, ModelService, CreateModel)
DESCENT_UNARY(models, ModelService, GetModel)
DESCENT_UNARY(models, ModelService, ListModels)
DESCENT_UNARY(models, ModelService, DeleteModel)
DESCENT_UNARY(models, ModelService, UpdateModel)
DESCENT_UNARY(models, ModelService, GetParameters)
DESCENT_UNARY(models, ModelService, SetParameters)
DESCENT_UNARY(models, ModelService, CreateCheckpoint)
DESCENT_UNARY(models, ModelService, ListCheckpoints)
DESCENT_UNARY(models, ModelService, ListHistory)
DESCENT_UNARY(models, ModelService, RestoreCheckpoint)
DESCENT_UNARY(models, ModelService, DeleteCheckpoint)
DESCENT_UNARY(networks, NetworkService, Forward)
DESCENT_UNARY(networks, NetworkService, Gradient)
DESCENT_UNARY(networks, NetworkService, Step)
DESCENT_UNARY(networks, NetworkService, Predict)
#undef DESCENT_UNARY

#define DESCENT_INFERENCE(method)                                                             \
  Answer<inference::method##Response> ServiceClient::Call(                                    \
      const inference::method##Request& request, CallOptions options) {                       \
    return Unary(stubs_->inferences, &inference::GRPCInferenceService::Stub::method, request, \
                 options);                                                                    \
  }
DESCENT_INFERENCE(ServerLive)
DESCENT_INFERENCE(ServerReady)
DESCENT_INFERENCE(ServerMetadata)
DESCENT_INFERENCE(ModelReady)
DESCENT_INFERENCE(ModelMetadata)
DESCENT_INFERENCE(ModelInfer)
#undef DESCENT_INFERENCE

Answer<v1::ExportModelResponse> ServiceClient::Call(const v1::ExportModelRequest& request,
                                                    CallOptions options) {
  CallState call(options);
  Answer<v1::ExportModelResponse> answer;
  const auto reader = stubs_->models.ExportModel(&call.context, request);
  v1::ExportModelResponse response;
  while (reader->Read(&response)) answer.response.mutable_chunk()->append(response.chunk());
  answer.status = MakeCallStatus(reader->Finish());
  return answer;
}

Answer<v1::ImportModelResponse> ServiceClient::Call(
    const std::vector<v1::ImportModelRequest>& requests, CallOptions options) {
  CallState call(options);
  Answer<v1::ImportModelResponse> answer;
  const auto writer = stubs_->models.ImportModel(&call.context, &answer.response);
  answer.status = MakeCallStatus(WriteAll(*writer, requests));
  return answer;
}

Answer<v1::EvaluateResponse> ServiceClient::Call(const std::vector<v1::EvaluateRequest>& requests,
                                                 CallOptions options) {
  CallState call(options);
  Answer<v1::EvaluateResponse> answer;
  const auto writer = stubs_->networks.Evaluate(&call.context, &answer.response);
  answer.status = MakeCallStatus(WriteAll(*writer, requests));
  return answer;
}

Answer<v1::BackupResponse> ServiceClient::Call(const v1::BackupRequest& request,
                                               CallOptions options) {
  BackupStream stream(channel_, request, options);
  Answer<v1::BackupResponse> answer;
  while (const std::optional<v1::BackupResponse> response = stream.Read()) {
    answer.response.mutable_chunk()->append(response->chunk());
    answer.response.set_total_bytes(response->total_bytes());
  }
  answer.status = stream.Finish();
  return answer;
}

BackupStream ServiceClient::Backup(const v1::BackupRequest& request, const CallOptions& options) {
  return {channel_, request, options};
}

TrainStream ServiceClient::Train(const CallOptions& options) { return {channel_, options}; }

std::string ServiceClient::CheckHealth(const std::string& service, const CallOptions& options) {
  CallState call(options);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status = stubs_->health.Check(&call.context, request, &response);
  if (!status.ok()) {
    return absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code()));
  }
  return grpc::health::v1::HealthCheckResponse::ServingStatus_Name(response.status());
}

struct TrainStream::Impl {
  Impl(const std::shared_ptr<grpc::Channel>& channel, const CallOptions& options)
      : stub(channel), call(options), stream(stub.Train(&call.context)) {}
  v1::NetworkService::Stub stub;
  CallState call;
  std::unique_ptr<grpc::ClientReaderWriter<v1::TrainRequest, v1::TrainResponse>> stream;
  bool finished = false;
};

TrainStream::TrainStream(const std::shared_ptr<grpc::Channel>& channel, const CallOptions& options)
    : impl_(std::make_unique<Impl>(channel, options)) {}

TrainStream::TrainStream(TrainStream&&) noexcept = default;

TrainStream::~TrainStream() {
  if (impl_ == nullptr || impl_->finished) return;
  Cancel();
  Finish();
}

bool TrainStream::Write(const v1::TrainRequest& request) { return impl_->stream->Write(request); }

std::optional<v1::TrainResponse> TrainStream::Read() {
  v1::TrainResponse response;
  if (!impl_->stream->Read(&response)) return std::nullopt;
  return response;
}

void TrainStream::HalfClose() { impl_->stream->WritesDone(); }

void TrainStream::Cancel() { impl_->call.context.TryCancel(); }

CallStatus TrainStream::Finish() {
  while (Read().has_value()) {
  }
  impl_->finished = true;
  return MakeCallStatus(impl_->stream->Finish());
}

struct BackupStream::Impl {
  Impl(const std::shared_ptr<grpc::Channel>& channel, const v1::BackupRequest& request,
       const CallOptions& options)
      : stub(channel), call(options), stream(stub.Backup(&call.context, request)) {}
  v1::AdminService::Stub stub;
  CallState call;
  std::unique_ptr<grpc::ClientReader<v1::BackupResponse>> stream;
  bool finished = false;
};

BackupStream::BackupStream(const std::shared_ptr<grpc::Channel>& channel,
                           const v1::BackupRequest& request, const CallOptions& options)
    : impl_(std::make_unique<Impl>(channel, request, options)) {}

BackupStream::~BackupStream() {
  if (impl_->finished) return;
  Cancel();
  Finish();
}

std::optional<v1::BackupResponse> BackupStream::Read() {
  v1::BackupResponse response;
  if (!impl_->stream->Read(&response)) return std::nullopt;
  return response;
}

void BackupStream::Cancel() { impl_->call.context.TryCancel(); }

CallStatus BackupStream::Finish() {
  while (Read().has_value()) {
  }
  impl_->finished = true;
  return MakeCallStatus(impl_->stream->Finish());
}

}  // namespace descent::testing
