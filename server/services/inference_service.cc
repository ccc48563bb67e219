#include <grpcpp/server_context.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/exceptions.h"
#include "core/status_macros.h"
#include "inference/open_inference.grpc.pb.h"
#include "server/models/work/cost.h"
#include "server/services/answer_size.h"
#include "server/services/model_versions.h"
#include "server/services/services.h"
#include "server/services/unary_call.h"
#include "server/wire/inference.h"
#include "version/version.h"

namespace descent::services {
namespace {

using inference::GRPCInferenceService;

// What a model's description takes, but for its versions.
constexpr std::size_t kMetadataBytes = 1024;
constexpr std::size_t kCategoricalInputBytes = 128;

// Every method takes and gives bytes, so that nothing is parsed that has not been looked at.
template <typename Base>
using RawInferenceMethods = GRPCInferenceService::WithRawCallbackMethod_ServerLive<
    GRPCInferenceService::WithRawCallbackMethod_ServerReady<
        GRPCInferenceService::WithRawCallbackMethod_ModelReady<
            GRPCInferenceService::WithRawCallbackMethod_ServerMetadata<
                GRPCInferenceService::WithRawCallbackMethod_ModelMetadata<
                    GRPCInferenceService::WithRawCallbackMethod_ModelInfer<Base>>>>>>;

bool IsThere(std::int64_t version, const Versions& versions) {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

// The errors of a model that is not there, or not to be had now.
bool MeansNotReady(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsUnavailable(status) || absl::IsDataLoss(status);
}

class InferenceService final : public RawInferenceMethods<GRPCInferenceService::Service> {
 public:
  InferenceService(models::Registry* registry, const CallResources& resources)
      : registry_(*registry), resources_(resources) {}

  grpc::ServerUnaryReactor* ServerLive(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return AboutServer<inference::ServerLiveRequest, inference::ServerLiveResponse>(
        "ServerLive", CallKind::kProbe, context, request, response,
        [](auto* answer) { answer->set_live(true); });
  }

  grpc::ServerUnaryReactor* ServerReady(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override {
    return AboutServer<inference::ServerReadyRequest, inference::ServerReadyResponse>(
        "ServerReady", CallKind::kProbe, context, request, response,
        [this](auto* answer) { answer->set_ready(*resources_.serving); });
  }

  grpc::ServerUnaryReactor* ServerMetadata(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override {
    return AboutServer<inference::ServerMetadataRequest, inference::ServerMetadataResponse>(
        "ServerMetadata", CallKind::kInquiry, context, request, response,
        [](auto* answer) { wire::EncodeServer(kVersion, answer); });
  }

  grpc::ServerUnaryReactor* ModelReady(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* bytes,
                                       grpc::ByteBuffer* response) override {
    return Serve<inference::ModelReadyRequest>(
        "ModelReady", CallKind::kInquiry, context, bytes, response,
        [this](UnaryCall* call, const auto& request) { return BeginReady(call, request); });
  }

  grpc::ServerUnaryReactor* ModelMetadata(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* bytes,
                                          grpc::ByteBuffer* response) override {
    return Serve<inference::ModelMetadataRequest>(
        "ModelMetadata", CallKind::kWork, context, bytes, response,
        [this](UnaryCall* call, const auto& request) { return BeginMetadata(call, request); });
  }

  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* bytes,
                                       grpc::ByteBuffer* response) override {
    return Serve<inference::ModelInferRequest>(
        "ModelInfer", CallKind::kWork, context, bytes, response,
        [this](UnaryCall* call, const auto& request) { return BeginInfer(call, request); });
  }

 private:
  template <typename Request, typename Begin>
  grpc::ServerUnaryReactor* Serve(std::string_view method, CallKind kind,
                                  grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* bytes, grpc::ByteBuffer* response,
                                  Begin begin) {
    return ServeUnary<Request>(resources_, {kInferenceService, method}, context, bytes, response,
                               std::move(begin), kind);
  }

  // A call that is answered at once.
  template <typename Request, typename Response, typename Fill>
  grpc::ServerUnaryReactor* AboutServer(std::string_view method, CallKind kind,
                                        grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* bytes, grpc::ByteBuffer* response,
                                        Fill fill) {
    return Serve<Request>(method, kind, context, bytes, response,
                          [fill](UnaryCall* call, const Request& /*request*/) {
                            Response answer;
                            fill(&answer);
                            call->Answer(answer);
                            return absl::OkStatus();
                          });
  }

  static void AnswerReady(UnaryCall* call, bool ready) {
    inference::ModelReadyResponse answer;
    answer.set_ready(ready);
    call->Answer(answer);
  }

  absl::Status BeginReady(UnaryCall* call, const inference::ModelReadyRequest& request) {
    ASSIGN_OR_RETURN(const std::string name, wire::ModelName(request));
    RETURN_IF_ERROR(call->AdmitModel(name));
    const auto step = wire::VersionStep(request.version());
    const auto model = registry_.Find(name);
    if (!step.ok() || !model.ok() || !*resources_.serving) {
      if (!model.ok() && !MeansNotReady(model.status())) return model.status();
      AnswerReady(call, false);
    } else if (const std::optional<std::int64_t> wanted = *step; !wanted.has_value()) {
      AnswerReady(call, true);
    } else {
      ListVersions(*model, call->context(),
                   [call, step = *wanted](const absl::StatusOr<Versions>& versions) {
                     if (versions.ok() || MeansNotReady(versions.status())) {
                       AnswerReady(call, versions.ok() && IsThere(step, *versions));
                     } else {
                       call->End(versions.status());
                     }
                   });
    }
    return absl::OkStatus();
  }

  absl::Status BeginMetadata(UnaryCall* call, const inference::ModelMetadataRequest& request) {
    ASSIGN_OR_RETURN(const std::string name, wire::ModelName(request));
    RETURN_IF_ERROR(call->AdmitModel(name));
    ASSIGN_OR_RETURN(std::shared_ptr<models::Model> model, registry_.Find(name));
    ASSIGN_OR_RETURN(const std::optional<std::int64_t> step, wire::VersionStep(request.version()));
    const std::size_t bytes =
        kMetadataBytes +
        kCategoricalInputBytes * model->network()->spec().categorical_inputs.size();
    auto go = [call, step, version = request.version(), model = std::move(model)] {
      ListVersions(model, call->context(),
                   [call, step, version, model](const absl::StatusOr<Versions>& versions) {
                     if (!versions.ok()) return call->End(versions.status());
                     if (step.has_value() && !IsThere(*step, *versions)) {
                       return call->End(wire::VersionNotFound(version, *versions));
                     }
                     inference::ModelMetadataResponse answer;
                     wire::EncodeMetadata(model->name(), *model->network(), *versions, &answer);
                     return call->Answer(answer);
                   });
      return absl::OkStatus();
    };
    return call->WhenTurnComes(bytes, /*held_bytes=*/0, std::move(go));
  }

  // A prediction by a checkpoint; where there is none, the error says which there are.
  static void PredictAt(std::int64_t step, models::PredictCommand command,
                        const std::shared_ptr<models::Model>& model,
                        const models::CallContext& context,
                        models::Reply<models::PredictOutcome> reply) {
    auto explain = [model, context, step, reply = std::move(reply)](
                       absl::StatusOr<models::PredictOutcome> outcome) mutable {
      if (GetErrorDetails(outcome.status()).reason != "CHECKPOINT_NOT_FOUND") {
        std::move(reply)(std::move(outcome));
        return;
      }
      ListVersions(model, context,
                   [step, reply = std::move(reply)](absl::StatusOr<Versions> versions) mutable {
                     if (versions.ok()) {
                       std::move(reply)(wire::VersionNotFound(absl::StrCat(step), *versions));
                     } else {
                       std::move(reply)(std::move(versions).status());
                     }
                   });
    };
    model->PredictAt(step, std::move(command), context, std::move(explain));
  }

  absl::Status BeginInfer(UnaryCall* call, const inference::ModelInferRequest& request) {
    if (!request.id().empty()) call->NoteRequestId(request.id());
    ASSIGN_OR_RETURN(std::string name, wire::ModelName(request));
    RETURN_IF_ERROR(call->AdmitModel(name));
    ASSIGN_OR_RETURN(std::shared_ptr<models::Model> model, registry_.Find(name));
    ASSIGN_OR_RETURN(const std::optional<std::int64_t> step,
                     wire::VersionStep(request.model_version()));
    ASSIGN_OR_RETURN(models::PredictCommand command,
                     CatchExceptions([&] { return wire::Decode(request, *model->network()); }));
    wire::InferenceEcho echo{.model = std::move(name), .id = request.id()};
    const std::size_t answer_bytes = AnswerBytes(command, *model->network()) + echo.id.size();
    const std::size_t held_bytes = models::ByteSize(command) + echo.id.size();
    auto go = [call, step, model = std::move(model), command = std::move(command),
               echo = std::move(echo)]() mutable {
      auto encode = [echo = std::move(echo)](const models::PredictOutcome& outcome,
                                             inference::ModelInferResponse* to) {
        wire::Encode(outcome, echo, to);
      };
      auto reply =
          call->ReplyWith<inference::ModelInferResponse, models::PredictOutcome>(std::move(encode));
      if (step.has_value()) {
        PredictAt(*step, std::move(command), model, call->context(), std::move(reply));
      } else {
        model->Predict(std::move(command), call->context(), std::move(reply));
      }
      return absl::OkStatus();
    };
    return call->WhenTurnComes(answer_bytes, held_bytes, std::move(go));
  }

  models::Registry& registry_;
  const CallResources& resources_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeInferenceService(models::Registry* registry,
                                                    const CallResources& resources) {
  return std::make_unique<InferenceService>(registry, resources);
}

}  // namespace descent::services
