#include <grpcpp/server_context.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/status_macros.h"
#include "descent/v1/model_service.grpc.pb.h"
#include "server/services/services.h"
#include "server/services/unary_call.h"
#include "server/wire/status.h"

namespace descent::services {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

// A call that one function of the registry answers.
template <typename Request, typename Response, typename Command, typename Outcome>
ServerUnaryReactor* ServeOnRegistry(models::Registry* registry, CallGate* gate,
                                    const MethodName& name, CallbackServerContext* context,
                                    const Request* request, Response* response,
                                    void (models::Registry::*run)(Command, models::CallContext,
                                                                  models::Reply<Outcome>)) {
  return ServeUnary(gate, name, context, [&](UnaryCall* call) -> absl::Status {
    ASSIGN_OR_RETURN(Command command, wire::Decode(*request));
    auto encode = [response](const Outcome& outcome) { wire::Encode(outcome, response); };
    (registry->*run)(std::move(command), call->context(), call->ReplyWith<Outcome>(encode));
    return absl::OkStatus();
  });
}

// What a later version will do.
absl::Status NotImplemented() {
  return Error(absl::StatusCode::kUnimplemented, "NOT_IMPLEMENTED",
               "this version of the server neither exports nor imports models");
}

// A stream that ends as it begins.
template <typename Reactor>
class RefusedStream final : public Reactor {
 public:
  RefusedStream(CallGate* gate, const MethodName& name, CallbackServerContext* context)
      : pass_(gate, name, *context) {
    absl::Status status = pass_.admission().ok() ? NotImplemented() : pass_.admission();
    this->Finish(wire::ToGrpcStatus(status));
    pass_.set_status(std::move(status));
  }

 private:
  void OnDone() override { delete this; }
  CallPass pass_;
};

class ModelService final : public v1::ModelService::CallbackService {
 public:
  ModelService(models::Registry* registry, CallGate* gate) : registry_(registry), gate_(gate) {}

  ServerUnaryReactor* CreateModel(CallbackServerContext* context,
                                  const v1::CreateModelRequest* request,
                                  v1::CreateModelResponse* response) override {
    return ServeOnRegistry(registry_, gate_, Name("CreateModel"), context, request, response,
                           &models::Registry::Create);
  }

  ServerUnaryReactor* GetModel(CallbackServerContext* context, const v1::GetModelRequest* request,
                               v1::GetModelResponse* response) override {
    return ServeUnary(gate_, Name("GetModel"), context, [&](UnaryCall* call) -> absl::Status {
      ASSIGN_OR_RETURN(const std::string name, wire::ModelName(*request));
      call->set_model(name);
      ASSIGN_OR_RETURN(const std::shared_ptr<models::Model> model, registry_->Find(name));
      model->Info(call->context(),
                  call->ReplyWith<models::ModelInfo>(
                      [response](const models::ModelInfo& info) { wire::Encode(info, response); }));
      return absl::OkStatus();
    });
  }

  ServerUnaryReactor* ListModels(CallbackServerContext* context,
                                 const v1::ListModelsRequest* request,
                                 v1::ListModelsResponse* response) override {
    return ServeUnary(gate_, Name("ListModels"), context, [&](UnaryCall* call) -> absl::Status {
      ASSIGN_OR_RETURN(const models::ListModelsCommand command, wire::Decode(*request));
      ASSIGN_OR_RETURN(const models::ListModelsOutcome outcome, registry_->List(command));
      wire::Encode(outcome, response);
      call->End(absl::OkStatus());
      return absl::OkStatus();
    });
  }

  ServerUnaryReactor* DeleteModel(CallbackServerContext* context,
                                  const v1::DeleteModelRequest* request,
                                  v1::DeleteModelResponse* response) override {
    return ServeOnRegistry(registry_, gate_, Name("DeleteModel"), context, request, response,
                           &models::Registry::Delete);
  }

  ServerUnaryReactor* UpdateModel(CallbackServerContext* context,
                                  const v1::UpdateModelRequest* request,
                                  v1::UpdateModelResponse* response) override {
    return ServeOnModel(*registry_, gate_, Name("UpdateModel"), context, request, response,
                        &models::Model::Update);
  }

  ServerUnaryReactor* GetParameters(CallbackServerContext* context,
                                    const v1::GetParametersRequest* request,
                                    v1::GetParametersResponse* response) override {
    return ServeOnModel(*registry_, gate_, Name("GetParameters"), context, request, response,
                        &models::Model::GetParameters);
  }

  ServerUnaryReactor* SetParameters(CallbackServerContext* context,
                                    const v1::SetParametersRequest* request,
                                    v1::SetParametersResponse* response) override {
    return ServeOnModel(*registry_, gate_, Name("SetParameters"), context, request, response,
                        &models::Model::SetParameters);
  }

  ServerUnaryReactor* CreateCheckpoint(CallbackServerContext* context,
                                       const v1::CreateCheckpointRequest* request,
                                       v1::CreateCheckpointResponse* response) override {
    return ServeOnModel(*registry_, gate_, Name("CreateCheckpoint"), context, request, response,
                        &models::Model::CreateCheckpoint);
  }

  ServerUnaryReactor* ListCheckpoints(CallbackServerContext* context,
                                      const v1::ListCheckpointsRequest* request,
                                      v1::ListCheckpointsResponse* response) override {
    return ServeOnModel(*registry_, gate_, Name("ListCheckpoints"), context, request, response,
                        &models::Model::ListCheckpoints);
  }

  ServerUnaryReactor* RestoreCheckpoint(CallbackServerContext* context,
                                        const v1::RestoreCheckpointRequest* request,
                                        v1::RestoreCheckpointResponse* response) override {
    return ServeOnModel(*registry_, gate_, Name("RestoreCheckpoint"), context, request, response,
                        &models::Model::RestoreCheckpoint);
  }

  ServerUnaryReactor* DeleteCheckpoint(CallbackServerContext* context,
                                       const v1::DeleteCheckpointRequest* request,
                                       v1::DeleteCheckpointResponse* response) override {
    return ServeOnModel(*registry_, gate_, Name("DeleteCheckpoint"), context, request, response,
                        &models::Model::DeleteCheckpoint);
  }

  grpc::ServerWriteReactor<v1::ExportModelResponse>* ExportModel(
      CallbackServerContext* context, const v1::ExportModelRequest*) override {
    return new RefusedStream<grpc::ServerWriteReactor<v1::ExportModelResponse>>(
        gate_, Name("ExportModel"), context);
  }

  grpc::ServerReadReactor<v1::ImportModelRequest>* ImportModel(CallbackServerContext* context,
                                                               v1::ImportModelResponse*) override {
    return new RefusedStream<grpc::ServerReadReactor<v1::ImportModelRequest>>(
        gate_, Name("ImportModel"), context);
  }

 private:
  static MethodName Name(std::string_view method) { return {kModelService, method}; }

  models::Registry* const registry_;
  CallGate* const gate_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeModelService(models::Registry* registry, CallGate* gate) {
  return std::make_unique<ModelService>(registry, gate);
}

}  // namespace descent::services
