#include <grpcpp/server_context.h>

#include <memory>

#include "descent/v1/network_service.grpc.pb.h"
#include "server/services/evaluate_call.h"
#include "server/services/services.h"
#include "server/services/train_call.h"
#include "server/services/unary_call.h"

namespace descent::services {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

class NetworkService final : public v1::NetworkService::CallbackService {
 public:
  NetworkService(models::Registry* registry, CallGate* gate) : registry_(registry), gate_(gate) {}

  ServerUnaryReactor* Forward(CallbackServerContext* context, const v1::ForwardRequest* request,
                              v1::ForwardResponse* response) override {
    return OnModel("Forward", context, request, response, &models::Model::Forward);
  }

  ServerUnaryReactor* Gradient(CallbackServerContext* context, const v1::GradientRequest* request,
                               v1::GradientResponse* response) override {
    return OnModel("Gradient", context, request, response, &models::Model::Gradient);
  }

  ServerUnaryReactor* Step(CallbackServerContext* context, const v1::StepRequest* request,
                           v1::StepResponse* response) override {
    return OnModel("Step", context, request, response, &models::Model::Step);
  }

  ServerUnaryReactor* Predict(CallbackServerContext* context, const v1::PredictRequest* request,
                              v1::PredictResponse* response) override {
    return OnModel("Predict", context, request, response, &models::Model::Predict);
  }

  grpc::ServerBidiReactor<v1::TrainRequest, v1::TrainResponse>* Train(
      CallbackServerContext* context) override {
    return ServeTrain(*registry_, gate_, Name("Train"), context);
  }

  grpc::ServerReadReactor<v1::EvaluateRequest>* Evaluate(CallbackServerContext* context,
                                                         v1::EvaluateResponse* response) override {
    return ServeEvaluate(*registry_, gate_, Name("Evaluate"), context, response);
  }

 private:
  static MethodName Name(std::string_view method) { return {kNetworkService, method}; }

  template <typename Request, typename Response, typename Run>
  ServerUnaryReactor* OnModel(std::string_view method, CallbackServerContext* context,
                              const Request* request, Response* response, Run run) {
    return ServeOnModel(*registry_, gate_, Name(method), context, request, response, run);
  }

  models::Registry* const registry_;
  CallGate* const gate_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeNetworkService(models::Registry* registry, CallGate* gate) {
  return std::make_unique<NetworkService>(registry, gate);
}

}  // namespace descent::services
