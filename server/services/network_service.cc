#include <grpcpp/server_context.h>

#include <memory>

#include "descent/v1/network_service.grpc.pb.h"
#include "server/services/evaluate_call.h"
#include "server/services/model_call.h"
#include "server/services/services.h"
#include "server/services/train_call.h"

namespace descent::services {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

// Every method takes and gives bytes, so that nothing is parsed that has not been looked at.
template <typename Base>
using RawNetworkMethods = v1::NetworkService::WithRawCallbackMethod_Forward<
    v1::NetworkService::WithRawCallbackMethod_Gradient<
        v1::NetworkService::WithRawCallbackMethod_Step<
            v1::NetworkService::WithRawCallbackMethod_Train<
                v1::NetworkService::WithRawCallbackMethod_Predict<
                    v1::NetworkService::WithRawCallbackMethod_Evaluate<Base>>>>>>;

class NetworkService final : public RawNetworkMethods<v1::NetworkService::Service> {
 public:
  NetworkService(models::Registry* registry, const CallResources& resources)
      : registry_(registry), resources_(resources) {}

  ServerUnaryReactor* Forward(CallbackServerContext* context, const grpc::ByteBuffer* request,
                              grpc::ByteBuffer* response) override {
    return OnModel<v1::ForwardRequest, v1::ForwardResponse>("Forward", context, request, response,
                                                            &models::Model::Forward);
  }

  ServerUnaryReactor* Gradient(CallbackServerContext* context, const grpc::ByteBuffer* request,
                               grpc::ByteBuffer* response) override {
    return OnModel<v1::GradientRequest, v1::GradientResponse>("Gradient", context, request,
                                                              response, &models::Model::Gradient);
  }

  ServerUnaryReactor* Step(CallbackServerContext* context, const grpc::ByteBuffer* request,
                           grpc::ByteBuffer* response) override {
    return OnModel<v1::StepRequest, v1::StepResponse>("Step", context, request, response,
                                                      &models::Model::Step);
  }

  ServerUnaryReactor* Predict(CallbackServerContext* context, const grpc::ByteBuffer* request,
                              grpc::ByteBuffer* response) override {
    return OnModel<v1::PredictRequest, v1::PredictResponse>("Predict", context, request, response,
                                                            &models::Model::Predict);
  }

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Train(
      CallbackServerContext* context) override {
    return ServeTrain(*registry_, resources_, Name("Train"), context);
  }

  grpc::ServerReadReactor<grpc::ByteBuffer>* Evaluate(CallbackServerContext* context,
                                                      grpc::ByteBuffer* response) override {
    return ServeEvaluate(*registry_, resources_, Name("Evaluate"), context, response);
  }

 private:
  static MethodName Name(std::string_view method) { return {kNetworkService, method}; }

  template <typename Request, typename Response, typename Run>
  ServerUnaryReactor* OnModel(std::string_view method, CallbackServerContext* context,
                              const grpc::ByteBuffer* request, grpc::ByteBuffer* response,
                              Run run) {
    return ServeOnModel<Request, Response>(*registry_, resources_, Name(method), context, request,
                                           response, run);
  }

  models::Registry* const registry_;
  const CallResources& resources_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeNetworkService(models::Registry* registry,
                                                  const CallResources& resources) {
  return std::make_unique<NetworkService>(registry, resources);
}

}  // namespace descent::services
