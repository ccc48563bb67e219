#include "client/descent/client.h"

#include <grpcpp/client_context.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "client/descent/connection.h"
#include "client/descent/evaluation.h"
#include "client/descent/random_id.h"
#include "client/descent/resuming_session.h"
#include "client/descent/retry.h"
#include "client/descent/rpc_status.h"
#include "clock/steady.h"

namespace descent::client {
namespace {

using Models = v1::ModelService::Stub;
using Networks = v1::NetworkService::Stub;

absl::Time UnaryDeadline(const Connection& connection, const CallOptions& call) {
  return SteadyNow() +
         (call.deadline > absl::ZeroDuration() ? call.deadline : connection.options().deadline);
}

template <typename Stub, typename Request, typename Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

// One unary call, tried again as RetryPolicy says. The request must be safe to repeat.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> CallStub(const Connection& connection, Stub& stub,
                                  Method<Stub, Request, Response> method, const Request& request,
                                  const CallOptions& call) {
  const absl::Time deadline = UnaryDeadline(connection, call);
  Response response;
  absl::Status status = Retry(connection, deadline, [&] {
    grpc::ClientContext context;
    connection.Prepare(&context, deadline);
    return FromGrpcStatus((stub.*method)(&context, request, &response));
  });
  if (!status.ok()) return status;
  return response;
}

template <typename Request, typename Response>
absl::StatusOr<Response> Call(const Connection& connection,
                              Method<Models, Request, Response> method, const Request& request,
                              const CallOptions& call) {
  return CallStub(connection, connection.models(), method, request, call);
}

template <typename Request, typename Response>
absl::StatusOr<Response> Call(const Connection& connection,
                              Method<Networks, Request, Response> method, const Request& request,
                              const CallOptions& call) {
  return CallStub(connection, connection.networks(), method, request, call);
}

// The one field of a response that there is.
template <typename Response, typename Field>
absl::StatusOr<Field> Only(absl::StatusOr<Response> response, Field* (Response::*field)()) {
  if (!response.ok()) return response.status();
  return std::move(*((*response).*field)());
}

// More than a server can hold of descriptions, and less than ends this process.
constexpr size_t kMostListedBytes = size_t{1} << 30;

// All items of a list that comes in pages: *request asks for the next one, `ask` gets it and
// `items` are what is in it. No server makes this go on for ever: a page without an item that has
// another behind it, or a token that has been there before, ends it.
template <typename Request, typename Response, typename Item>
absl::StatusOr<std::vector<Item>> AllPages(
    Request* request, absl::FunctionRef<absl::StatusOr<Response>()> ask,
    google::protobuf::RepeatedPtrField<Item>* (Response::*items)()) {
  std::vector<Item> all;
  absl::flat_hash_set<std::string> tokens;
  size_t bytes = 0;
  do {
    absl::StatusOr<Response> page = ask();
    if (!page.ok()) return page.status();
    bytes += page->ByteSizeLong();
    const std::string& token = page->next_page_token();
    const bool new_token = token.empty() || tokens.insert(token).second;
    auto& of_page = *((*page).*items)();
    if (!new_token || (!token.empty() && of_page.empty())) {
      return absl::InternalError("the server's list has no end: a page leads to one before it");
    }
    if (bytes > kMostListedBytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the server's list is longer than ", kMostListedBytes, " bytes"));
    }
    for (Item& item : of_page) all.push_back(std::move(item));
    request->set_page_token(token);
  } while (!request->page_token().empty());
  return all;
}

// Makes a request that changes something safe to repeat.
template <typename Request>
void Identify(Request& request, const CallOptions& call) {
  if (!request.request_id().empty()) return;
  request.set_request_id(call.request_id.empty() ? RandomId() : call.request_id);
}

}  // namespace

Client::Client(std::shared_ptr<const Connection> calls, std::shared_ptr<const Connection> training)
    : connection_(std::move(calls)), training_connection_(std::move(training)) {}

absl::StatusOr<Client> Client::Connect(ClientOptions options) {
  if (absl::Status status = ValidateOptions(options); !status.ok()) return status;
  const auto connect = [&options] {
    return std::make_shared<const Connection>(MakeChannel(options), options, /*is_network=*/true);
  };
  return Client(connect(), connect());
}

Client Client::Over(std::shared_ptr<grpc::Channel> channel, ClientOptions options) {
  const auto connection = std::make_shared<const Connection>(std::move(channel), std::move(options),
                                                             /*is_network=*/false);
  return Client(connection, connection);
}

absl::Status Client::WaitUntilReady(absl::Duration timeout) const {
  if (connection_->channel().WaitForConnected(ToSystemClock(SteadyNow() + timeout))) {
    return absl::OkStatus();
  }
  return connection_->Explain(
      absl::UnavailableError(absl::StrCat("no connection to ", connection_->options().target,
                                          " within ", absl::FormatDuration(timeout))));
}

absl::StatusOr<v1::Model> Client::CreateModel(v1::Model model, const CallOptions& call) const {
  v1::CreateModelRequest request;
  *request.mutable_model() = std::move(model);
  Identify(request, call);
  return Only(Call(*connection_, &Models::CreateModel, request, call),
              &v1::CreateModelResponse::mutable_model);
}

absl::StatusOr<v1::Model> Client::GetModel(absl::string_view name, const CallOptions& call) const {
  v1::GetModelRequest request;
  request.set_name(std::string(name));
  return Only(Call(*connection_, &Models::GetModel, request, call),
              &v1::GetModelResponse::mutable_model);
}

absl::StatusOr<v1::ListModelsResponse> Client::ListModels(const v1::ListModelsRequest& request,
                                                          const CallOptions& call) const {
  return Call(*connection_, &Models::ListModels, request, call);
}

absl::StatusOr<std::vector<v1::Model>> Client::ListAllModels(const CallOptions& call) const {
  v1::ListModelsRequest request;
  return AllPages<v1::ListModelsRequest, v1::ListModelsResponse, v1::Model>(
      &request, [&] { return ListModels(request, call); }, &v1::ListModelsResponse::mutable_models);
}

absl::StatusOr<v1::Model> Client::UpdateModel(v1::UpdateModelRequest request,
                                              const CallOptions& call) const {
  Identify(request, call);
  return Only(Call(*connection_, &Models::UpdateModel, request, call),
              &v1::UpdateModelResponse::mutable_model);
}

absl::Status Client::DeleteModel(absl::string_view name, const CallOptions& call) const {
  v1::DeleteModelRequest request;
  request.set_name(std::string(name));
  Identify(request, call);
  return Call(*connection_, &Models::DeleteModel, request, call).status();
}

absl::StatusOr<v1::GetParametersResponse> Client::GetParameters(
    const v1::GetParametersRequest& request, const CallOptions& call) const {
  return Call(*connection_, &Models::GetParameters, request, call);
}

absl::StatusOr<v1::SetParametersResponse> Client::SetParameters(v1::SetParametersRequest request,
                                                                const CallOptions& call) const {
  Identify(request, call);
  return Call(*connection_, &Models::SetParameters, request, call);
}

absl::StatusOr<v1::Checkpoint> Client::CreateCheckpoint(absl::string_view model,
                                                        const CallOptions& call) const {
  v1::CreateCheckpointRequest request;
  request.set_model(std::string(model));
  Identify(request, call);
  return Only(Call(*connection_, &Models::CreateCheckpoint, request, call),
              &v1::CreateCheckpointResponse::mutable_checkpoint);
}

absl::StatusOr<v1::ListCheckpointsResponse> Client::ListCheckpoints(
    const v1::ListCheckpointsRequest& request, const CallOptions& call) const {
  return Call(*connection_, &Models::ListCheckpoints, request, call);
}

absl::StatusOr<std::vector<v1::Checkpoint>> Client::ListAllCheckpoints(
    absl::string_view model, const CallOptions& call) const {
  v1::ListCheckpointsRequest request;
  request.set_model(std::string(model));
  return AllPages<v1::ListCheckpointsRequest, v1::ListCheckpointsResponse, v1::Checkpoint>(
      &request, [&] { return ListCheckpoints(request, call); },
      &v1::ListCheckpointsResponse::mutable_checkpoints);
}

absl::StatusOr<v1::ListHistoryResponse> Client::ListHistory(const v1::ListHistoryRequest& request,
                                                            const CallOptions& call) const {
  return Call(*connection_, &Models::ListHistory, request, call);
}

absl::StatusOr<std::vector<v1::HistoryPoint>> Client::ListAllHistory(
    absl::string_view model, std::int64_t after_step, const CallOptions& call) const {
  constexpr int kMostOnAPage = 1000;
  v1::ListHistoryRequest request;
  request.set_model(std::string(model));
  request.set_after_step(after_step);
  request.set_page_size(kMostOnAPage);
  return AllPages<v1::ListHistoryRequest, v1::ListHistoryResponse, v1::HistoryPoint>(
      &request, [&] { return ListHistory(request, call); },
      &v1::ListHistoryResponse::mutable_points);
}

absl::StatusOr<v1::Model> Client::RestoreCheckpoint(v1::RestoreCheckpointRequest request,
                                                    const CallOptions& call) const {
  Identify(request, call);
  return Only(Call(*connection_, &Models::RestoreCheckpoint, request, call),
              &v1::RestoreCheckpointResponse::mutable_model);
}

absl::Status Client::DeleteCheckpoint(v1::DeleteCheckpointRequest request,
                                      const CallOptions& call) const {
  Identify(request, call);
  return Call(*connection_, &Models::DeleteCheckpoint, request, call).status();
}

absl::StatusOr<v1::PredictResponse> Client::Predict(absl::string_view model, v1::Tensor inputs,
                                                    const CallOptions& call) const {
  v1::PredictRequest request;
  request.set_model(std::string(model));
  *request.mutable_inputs() = std::move(inputs);
  return Predict(request, call);
}

absl::StatusOr<v1::PredictResponse> Client::Predict(const v1::PredictRequest& request,
                                                    const CallOptions& call) const {
  return Call(*connection_, &Networks::Predict, request, call);
}

absl::StatusOr<v1::ForwardResponse> Client::Forward(const v1::ForwardRequest& request,
                                                    const CallOptions& call) const {
  return Call(*connection_, &Networks::Forward, request, call);
}

absl::StatusOr<v1::GradientResponse> Client::Gradient(const v1::GradientRequest& request,
                                                      const CallOptions& call) const {
  return Call(*connection_, &Networks::Gradient, request, call);
}

absl::StatusOr<v1::StepResponse> Client::Step(absl::string_view model, v1::Batch batch,
                                              const CallOptions& call) const {
  v1::StepRequest request;
  request.set_model(std::string(model));
  *request.mutable_batch() = std::move(batch);
  return Step(std::move(request), call);
}

absl::StatusOr<v1::StepResponse> Client::Step(v1::StepRequest request,
                                              const CallOptions& call) const {
  Identify(request, call);
  return Call(*connection_, &Networks::Step, request, call);
}

absl::StatusOr<v1::EvaluateResponse> Client::Evaluate(absl::string_view model,
                                                      absl::Span<const v1::Batch> batches,
                                                      const CallOptions& call) const {
  auto batch = batches.begin();
  const BatchSource source = {.next = [&](v1::Batch& to) -> absl::StatusOr<bool> {
                                if (batch == batches.end()) return false;
                                to = *batch++;
                                return true;
                              },
                              .rewind =
                                  [&] {
                                    batch = batches.begin();
                                    return absl::OkStatus();
                                  }};
  return Evaluate(model, source, call);
}

absl::StatusOr<v1::EvaluateResponse> Client::Evaluate(absl::string_view model,
                                                      const BatchSource& source,
                                                      const CallOptions& call) const {
  return RunEvaluation(*connection_, model, source, DeadlineAfter(call.deadline));
}

absl::StatusOr<std::unique_ptr<TrainingSession>> Client::Train(absl::string_view model,
                                                               TrainingOptions options) const {
  return ResumingSession::Open(training_connection_, std::string(model), std::move(options));
}

absl::Status Client::ExportModel(absl::string_view model, ExportSink sink,
                                 const ExportOptions& options) const {
  return RunExport(*connection_, model, sink, options);
}

absl::StatusOr<v1::Model> Client::ImportModel(const v1::ImportStart& start,
                                              const ImportSource& source,
                                              const ImportOptions& options) const {
  return RunImport(*connection_, start, source, options);
}

absl::Status Client::Backup(BackupSink sink, const BackupOptions& options) const {
  return RunBackup(*connection_, sink, options);
}

}  // namespace descent::client
