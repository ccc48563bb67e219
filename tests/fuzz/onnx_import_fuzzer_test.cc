// The fuzzer's target over a fixed number of mutated inputs: what runs in every build, with every
// compiler and sanitizer. For long runs there is the fuzzer itself, see CMakeLists.txt.

#include "tests/fuzz/onnx_import_fuzzer.h"

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "onnx/onnx_subset.pb.h"
#include "tests/exchange/onnx_cases.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/mutate_onnx.h"

namespace descent::exchange {
namespace {

void RunOnnx(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(OnnxImportFuzzerTest, TheCorpusIsReadOrRefused) {
  for (const std::string& input : descent::testing::Corpus("onnx_import")) RunOnnx(input);
}

// There is no tenth loss.
constexpr char kNoHint = 9;

std::vector<std::string> OnnxSeeds() {
  std::vector<std::string> seeds;
  for (const auto& [name, each] : OnnxCases()) seeds.push_back(OnnxOf(*TrainedOn(each, 1)));
  return seeds;
}

// Files of others: of the corpus, what is a model with a graph.
std::vector<std::string> SeedsOfOthers() {
  std::vector<std::string> seeds;
  for (const std::string& input : descent::testing::Corpus("onnx_import")) {
    onnx::ModelProto model;
    if (input.empty() || !model.ParseFromString(input.substr(1))) continue;
    if (model.graph().node_size() > 0) seeds.push_back(input.substr(1));
  }
  return seeds;
}

TEST(OnnxImportFuzzerTest, MutatedFilesAreReadOrRefused) {
  constexpr int kMutations = 1000;
  std::mt19937_64 random(20240229);
  for (const std::string& seed : OnnxSeeds()) {
    testing::RunMutated(kNoHint + seed, kMutations, &random, RunOnnx);
  }
}

TEST(OnnxImportFuzzerTest, MutatedGraphsAreReadOrRefused) {
  constexpr int kMutations = 200;
  std::mt19937_64 random(20240301);
  std::vector<std::string> seeds = OnnxSeeds();
  for (std::string& seed : SeedsOfOthers()) seeds.push_back(std::move(seed));
  for (const std::string& seed : seeds) {
    onnx::ModelProto model;
    for (int m = 0; m < kMutations; ++m) {
      if (m % 5 == 0) {
        ASSERT_TRUE(model.ParseFromString(seed));
      }
      testing::OnnxMutation(&random, &model).Apply();
      RunOnnx(static_cast<char>(random()) + model.SerializeAsString());
    }
  }
}

}  // namespace
}  // namespace descent::exchange
