// The fuzzer's target over a fixed number of mutated answers: what runs in every build. For long
// runs there is the fuzzer itself, see CMakeLists.txt.

#include "tests/fuzz/client_answer_fuzzer.h"

#include <random>
#include <string>
#include <vector>

#include "client/descent/tensor.h"
#include "descent/v1/model_service.pb.h"
#include "descent/v1/network_service.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/mutate.h"

namespace descent::fuzz {
namespace {

std::string Input(FuzzedAnswer fuzzed, const std::string& bytes) {
  return static_cast<char>(fuzzed) + bytes;
}

// Good answers to start from.
std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const v1::Tensor tensor = client::MatrixTensor<float>({1, 2, 3, 4}, 2);
  seeds.push_back(Input(FuzzedAnswer::kTensor, tensor.SerializeAsString()));
  v1::GetParametersResponse parameters;
  parameters.add_parameters()->set_name("layers.0.kernel");
  *parameters.mutable_parameters(0)->mutable_tensor() = tensor;
  seeds.push_back(Input(FuzzedAnswer::kParameters, parameters.SerializeAsString()));
  v1::Model model;
  model.mutable_network()->add_layers()->mutable_dense()->set_units(2);
  v1::PredictResponse prediction;
  *prediction.mutable_outputs() = tensor;
  const std::string described = model.SerializeAsString();
  seeds.push_back(Input(FuzzedAnswer::kPrediction, std::string(1, '\2') +
                                                       static_cast<char>(described.size()) +
                                                       described + prediction.SerializeAsString()));
  google::rpc::Status status;
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(3);
  EXPECT_TRUE(status.add_details()->PackFrom(retry));
  google::rpc::ErrorInfo info;
  info.set_reason("QUEUE_FULL");
  EXPECT_TRUE(status.add_details()->PackFrom(info));
  seeds.push_back(Input(FuzzedAnswer::kError, status.SerializeAsString()));
  seeds.push_back(Input(FuzzedAnswer::kSession, std::string("\0\x09\0\0\0\0\1\0\0\2\x09\x09", 12)));
  return seeds;
}

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(ClientAnswerFuzzerTest, TheCorpusIsReadOrRefused) {
  for (const std::string& input : testing::Corpus("client_answer")) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }
}

TEST(ClientAnswerFuzzerTest, MutatedAnswersAreTakenOrRefused) {
  constexpr int kMutations = 20000;
  std::mt19937_64 random(20240229);
  for (const std::string& seed : Seeds()) {
    testing::RunMutated(seed, kMutations, &random, RunInput);
  }
}

}  // namespace
}  // namespace descent::fuzz
