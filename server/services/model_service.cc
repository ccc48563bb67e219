#include <grpcpp/server_context.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/status_macros.h"
#include "descent/v1/model_service.grpc.pb.h"
#include "server/models/work/executor.h"
#include "server/services/export_call.h"
#include "server/services/import_call.h"
#include "server/services/model_call.h"
#include "server/services/services.h"
#include "server/services/unary_call.h"

namespace descent::services {
namespace {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

// A page of a hundred models of some layers. How long it is is known when it is made.
constexpr std::size_t kListBytes = 64 << 10;

// How large the answer of the registry to a command is, about.
std::size_t AnswerBytes(const models::CreateModelCommand& command) {
  return DescriptionBytes(command.settings);
}
std::size_t AnswerBytes(const models::DeleteModelCommand& /*command*/) { return 0; }

// Which model a command to the registry is about.
const std::string& ModelOf(const models::CreateModelCommand& command) {
  return command.settings.name;
}
const std::string& ModelOf(const models::DeleteModelCommand& command) { return command.name; }

// A call that one function of the registry answers.
template <typename Request, typename Response, typename Command, typename Outcome>
ServerUnaryReactor* ServeOnRegistry(models::Registry* registry, const CallResources& resources,
                                    const MethodName& name, CallbackServerContext* context,
                                    const ByteBuffer* bytes, ByteBuffer* response,
                                    void (models::Registry::*run)(Command, models::CallContext,
                                                                  models::Reply<Outcome>)) {
  const auto begin = [registry, run](UnaryCall* call, const Request& request) -> absl::Status {
    ASSIGN_OR_RETURN(Command command, CatchExceptions([&] { return wire::Decode(request); }));
    RETURN_IF_ERROR(call->AdmitModel(ModelOf(command)));
    const std::size_t answer_bytes = AnswerBytes(command);
    const std::size_t held_bytes = HeldBytes(command, request);
    auto go = [registry, run, call, command = std::move(command)]() mutable {
      const auto encode = [](const Outcome& outcome, Response* to) { wire::Encode(outcome, to); };
      (registry->*run)(std::move(command), call->context(),
                       call->ReplyWith<Response, Outcome>(encode));
      return absl::OkStatus();
    };
    return call->WhenTurnComes(answer_bytes, held_bytes, std::move(go));
  };
  return ServeUnary<Request>(resources, name, context, bytes, response, begin);
}

// Every method takes and gives bytes, so that nothing is parsed that has not been looked at.
template <typename Base>
using RawModelMethods = v1::ModelService::WithRawCallbackMethod_CreateModel<
    v1::ModelService::WithRawCallbackMethod_GetModel<
        v1::ModelService::WithRawCallbackMethod_ListModels<
            v1::ModelService::WithRawCallbackMethod_DeleteModel<
                v1::ModelService::WithRawCallbackMethod_UpdateModel<
                    v1::ModelService::WithRawCallbackMethod_GetParameters<
                        v1::ModelService::WithRawCallbackMethod_SetParameters<
                            v1::ModelService::WithRawCallbackMethod_CreateCheckpoint<
                                v1::ModelService::WithRawCallbackMethod_ListCheckpoints<
                                    v1::ModelService::WithRawCallbackMethod_RestoreCheckpoint<
                                        v1::ModelService::WithRawCallbackMethod_DeleteCheckpoint<
                                            v1::ModelService::WithRawCallbackMethod_ListHistory<
                                                v1::ModelService::WithRawCallbackMethod_ExportModel<
                                                    v1::ModelService::
                                                        WithRawCallbackMethod_ImportModel<
                                                            Base>>>>>>>>>>>>>>;

class ModelService final : public RawModelMethods<v1::ModelService::Service> {
 public:
  ModelService(models::Registry* registry, const CallResources& resources)
      : registry_(registry), resources_(resources) {}

  ServerUnaryReactor* CreateModel(CallbackServerContext* context, const ByteBuffer* request,
                                  ByteBuffer* response) override {
    return ServeOnRegistry<v1::CreateModelRequest, v1::CreateModelResponse>(
        registry_, resources_, Name("CreateModel"), context, request, response,
        &models::Registry::Create);
  }

  ServerUnaryReactor* GetModel(CallbackServerContext* context, const ByteBuffer* request,
                               ByteBuffer* response) override {
    const auto begin = [this](UnaryCall* call, const v1::GetModelRequest& message) -> absl::Status {
      ASSIGN_OR_RETURN(const std::string name, wire::ModelName(message));
      RETURN_IF_ERROR(call->AdmitModel(name));
      ASSIGN_OR_RETURN(std::shared_ptr<models::Model> model, registry_->Find(name));
      const std::size_t answer_bytes = DescriptionBytes(model->settings());
      return call->WhenTurnComes(answer_bytes, /*held_bytes=*/0, [call, model = std::move(model)] {
        model->Info(call->context(),
                    call->ReplyWith<v1::GetModelResponse, models::ModelInfo>(
                        [](const models::ModelInfo& info, auto* to) { wire::Encode(info, to); }));
        return absl::OkStatus();
      });
    };
    return ServeUnary<v1::GetModelRequest>(resources_, Name("GetModel"), context, request, response,
                                           begin);
  }

  ServerUnaryReactor* ListModels(CallbackServerContext* context, const ByteBuffer* request,
                                 ByteBuffer* response) override {
    const auto begin = [this](UnaryCall* call,
                              const v1::ListModelsRequest& message) -> absl::Status {
      ASSIGN_OR_RETURN(models::ListModelsCommand command, wire::Decode(message));
      auto go = [this, call, command = std::move(command)]() mutable {
        // Descriptions of deep networks are long.
        resources_.executor->Post(
            [this, call, command = std::move(command)] { AnswerList(command, call); });
        return absl::OkStatus();
      };
      return call->WhenTurnComes(kListBytes, message.SpaceUsedLong(), std::move(go));
    };
    return ServeUnary<v1::ListModelsRequest>(resources_, Name("ListModels"), context, request,
                                             response, begin);
  }

  ServerUnaryReactor* DeleteModel(CallbackServerContext* context, const ByteBuffer* request,
                                  ByteBuffer* response) override {
    return ServeOnRegistry<v1::DeleteModelRequest, v1::DeleteModelResponse>(
        registry_, resources_, Name("DeleteModel"), context, request, response,
        &models::Registry::Delete);
  }

  ServerUnaryReactor* UpdateModel(CallbackServerContext* context, const ByteBuffer* request,
                                  ByteBuffer* response) override {
    return OnModel<v1::UpdateModelRequest, v1::UpdateModelResponse>(
        "UpdateModel", context, request, response, &models::Model::Update);
  }

  ServerUnaryReactor* GetParameters(CallbackServerContext* context, const ByteBuffer* request,
                                    ByteBuffer* response) override {
    return OnModel<v1::GetParametersRequest, v1::GetParametersResponse>(
        "GetParameters", context, request, response, &models::Model::GetParameters);
  }

  ServerUnaryReactor* SetParameters(CallbackServerContext* context, const ByteBuffer* request,
                                    ByteBuffer* response) override {
    return OnModel<v1::SetParametersRequest, v1::SetParametersResponse>(
        "SetParameters", context, request, response, &models::Model::SetParameters);
  }

  ServerUnaryReactor* CreateCheckpoint(CallbackServerContext* context, const ByteBuffer* request,
                                       ByteBuffer* response) override {
    return OnModel<v1::CreateCheckpointRequest, v1::CreateCheckpointResponse>(
        "CreateCheckpoint", context, request, response, &models::Model::CreateCheckpoint);
  }

  ServerUnaryReactor* ListCheckpoints(CallbackServerContext* context, const ByteBuffer* request,
                                      ByteBuffer* response) override {
    return OnModel<v1::ListCheckpointsRequest, v1::ListCheckpointsResponse>(
        "ListCheckpoints", context, request, response, &models::Model::ListCheckpoints);
  }

  ServerUnaryReactor* RestoreCheckpoint(CallbackServerContext* context, const ByteBuffer* request,
                                        ByteBuffer* response) override {
    return OnModel<v1::RestoreCheckpointRequest, v1::RestoreCheckpointResponse>(
        "RestoreCheckpoint", context, request, response, &models::Model::RestoreCheckpoint);
  }

  ServerUnaryReactor* DeleteCheckpoint(CallbackServerContext* context, const ByteBuffer* request,
                                       ByteBuffer* response) override {
    return OnModel<v1::DeleteCheckpointRequest, v1::DeleteCheckpointResponse>(
        "DeleteCheckpoint", context, request, response, &models::Model::DeleteCheckpoint);
  }

  ServerUnaryReactor* ListHistory(CallbackServerContext* context, const ByteBuffer* request,
                                  ByteBuffer* response) override {
    return OnModel<v1::ListHistoryRequest, v1::ListHistoryResponse>(
        "ListHistory", context, request, response, &models::Model::ListHistory);
  }

  grpc::ServerWriteReactor<ByteBuffer>* ExportModel(CallbackServerContext* context,
                                                    const ByteBuffer* request) override {
    return ServeExport(*registry_, resources_, Name("ExportModel"), context, *request);
  }

  grpc::ServerReadReactor<ByteBuffer>* ImportModel(CallbackServerContext* context,
                                                   ByteBuffer* response) override {
    return ServeImport(registry_, resources_, Name("ImportModel"), context, response);
  }

 private:
  static MethodName Name(std::string_view method) { return {kModelService, method}; }

  void AnswerList(const models::ListModelsCommand& command, UnaryCall* call) const {
    const absl::StatusOr<models::ListModelsOutcome> outcome =
        registry_->List(command, [call](std::string_view model) { return call->MaySee(model); });
    if (!outcome.ok()) {
      call->End(outcome.status());
      return;
    }
    v1::ListModelsResponse list;
    wire::Encode(*outcome, &list);
    call->Answer(list);
  }

  template <typename Request, typename Response, typename Run>
  ServerUnaryReactor* OnModel(std::string_view method, CallbackServerContext* context,
                              const ByteBuffer* request, ByteBuffer* response, Run run) {
    return ServeOnModel<Request, Response>(*registry_, resources_, Name(method), context, request,
                                           response, run);
  }

  models::Registry* const registry_;
  const CallResources& resources_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeModelService(models::Registry* registry,
                                                const CallResources& resources) {
  return std::make_unique<ModelService>(registry, resources);
}

}  // namespace descent::services
