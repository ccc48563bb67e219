// Times predictions by the Open Inference Protocol beside the same by Predict, on one server,
// beside a server that answers as many bytes with as many and does nothing else, and beside a
// Python server of the protocol around onnxruntime, and prints one JSON object a line:
//
//   {"kind": "inference", "name": "1 row, 1 caller", "infer_per_s": …, "predict_per_s": …,
//    "empty_per_s": …, "peer_per_s": …}
//
// Usage: inference_bench DESCENTD EMPTY PEER [rounds], with the addresses of servers that run in
// processes of their own on this machine (PEER may be "-": none). Each number is the median of
// rounds in which everything takes its turn. Calls go through gRPC's stubs, so that the client's
// part is the same.

#include <grpcpp/client_context.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "bench/service/empty_stream.h"
#include "bench/service/measuring.h"
#include "client/descent/client.h"
#include "descent/v1/network_service.grpc.pb.h"
#include "inference/open_inference.grpc.pb.h"

namespace descent::bench {
namespace {

using Inference = inference::GRPCInferenceService;

// 13-64-1, ReLU; bench/peers/onnx_server.py has the same.
constexpr int64_t kFeatures = 13;
constexpr char kModel[] = "bench";
// A peer does a part of the work, as it takes longer.
constexpr int kPeerShare = 5;

struct Case {
  const char* name;
  int64_t rows;
  int callers;
  int count;  // of a round, about a quarter of a second
};
constexpr Case kCases[] = {
    {"1 row, 1 caller", 1, 1, 4000},
    {"1 row, 8 callers", 1, 8, 8000},
    {"256 rows, 1 caller", 256, 1, 3000},
    {"16,384 rows, 1 caller", 16384, 1, 100},
};

inference::ModelInferRequest InferRequest(const v1::Tensor& inputs) {
  inference::ModelInferRequest request;
  request.set_model_name(kModel);
  auto* input = request.add_inputs();
  input->set_name("inputs");
  input->set_datatype("FP32");
  *input->mutable_shape() = inputs.shape();
  request.add_raw_input_contents(inputs.raw());
  return request;
}

inference::ModelInferResponse Infer(Inference::Stub& stub,
                                    const inference::ModelInferRequest& request) {
  grpc::ClientContext context;
  inference::ModelInferResponse response;
  Require(stub.ModelInfer(&context, request, &response));
  return response;
}

void Predict(v1::NetworkService::Stub& stub, const v1::PredictRequest& request) {
  grpc::ClientContext context;
  v1::PredictResponse response;
  Require(stub.Predict(&context, request, &response));
}

void Exchange(EmptyService::Stub& stub, const Payload& payload) {
  grpc::ClientContext context;
  Payload answer;
  Require(stub.Call(&context, payload, &answer));
}

// Calls a second, by callers on threads of their own.
double Rate(int callers, int count, const std::function<void()>& call) {
  const double seconds = Seconds([&] {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(callers));
    for (int i = 0; i < callers; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < count / callers; ++j) call();
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  return count / seconds;
}

int Main(const std::string& descentd, const std::string& empty, const std::string& peer,
         int rounds) {
  const client::Client client = ConnectTo(descentd);
  Require(client.CreateModel(DenseModel(kModel, kFeatures, {64, 1})));
  const auto channel = LocalChannel(descentd);
  const auto infers = Inference::NewStub(channel);
  const auto predicts = v1::NetworkService::NewStub(channel);
  const auto empties = EmptyService::NewStub(LocalChannel(empty));
  const auto peers = peer == "-" ? nullptr : Inference::NewStub(LocalChannel(peer));
  for (const Case& measured : kCases) {
    v1::PredictRequest predict;
    predict.set_model(kModel);
    *predict.mutable_inputs() = RandomTensor(measured.rows, kFeatures);
    const inference::ModelInferRequest infer = InferRequest(predict.inputs());
    const Payload payload = SameSize(infer, Infer(*infers, infer));
    std::vector<double> ours;
    std::vector<double> own;
    std::vector<double> ceilings;
    std::vector<double> others;
    for (int round = -1; round < rounds; ++round) {  // one to warm up
      const double infer_rate =
          Rate(measured.callers, measured.count, [&] { Infer(*infers, infer); });
      const double predict_rate =
          Rate(measured.callers, measured.count, [&] { Predict(*predicts, predict); });
      const double empty_rate =
          Rate(measured.callers, measured.count, [&] { Exchange(*empties, payload); });
      const double peer_rate =
          peers == nullptr
              ? 0
              : Rate(measured.callers, measured.count / kPeerShare, [&] { Infer(*peers, infer); });
      if (round < 0) continue;
      ours.push_back(infer_rate);
      own.push_back(predict_rate);
      ceilings.push_back(empty_rate);
      others.push_back(peer_rate);
    }
    std::printf(
        "{\"kind\": \"inference\", \"name\": \"%s\", \"infer_per_s\": %.0f, "
        "\"predict_per_s\": %.0f, \"empty_per_s\": %.0f, \"peer_per_s\": %.0f}\n",
        measured.name, Median(ours), Median(own), Median(ceilings), Median(others));
  }
  Require(client.DeleteModel(kModel));
  return 0;
}

}  // namespace
}  // namespace descent::bench

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // see server/main.cc
  if (argc < 4) {
    std::fprintf(stderr, "usage: inference_bench DESCENTD EMPTY PEER [rounds]\n");
    return 64;
  }
  return descent::bench::Main(argv[1], argv[2], argv[3],
                              argc > 4 ? std::max(1, std::atoi(argv[4])) : 9);
}
