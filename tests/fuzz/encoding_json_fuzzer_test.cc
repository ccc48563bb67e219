// The fuzzer's target over a fixed number of mutated inputs: what runs in every build, with every
// compiler and sanitizer. For long runs there is the fuzzer itself, see CMakeLists.txt.

#include "tests/fuzz/encoding_json_fuzzer.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "client/cli/encoding/encoding_json.h"
#include "client/cli/encoding/packed_text.h"
#include "gtest/gtest.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/mutate.h"

namespace descent::cli {
namespace {

// Good inputs to start from.
std::vector<std::string> Seeds() {
  Encoding encoding;
  encoding.fields = 4;
  encoding.inputs = {{"rooms", 0, NumberEncoding{{0.1, 1e-300}, 1e15}},
                     {"ocean \"x\"", 2, CategoryEncoding{{"<1H OCEAN", "?"}}}};
  encoding.target = {"value", 3, Standardization{206855.81690891474, 115392.8}};
  std::vector<std::string> seeds = {EncodingToJson(encoding).value()};
  encoding.trained_on = {{20640, 0xF00DFEED12345678}, {3, 7}};
  encoding.target.values = CategoryEncoding{{"ok", "fraud"}};
  seeds.push_back(EncodingToJson(encoding).value());
  seeds.push_back(PackText(seeds.back()));
  encoding.inputs.push_back({"Shop", 1, EmbeddedEncoding{"shop", 64, 8192, true}});
  encoding.inputs.push_back({"shop", 1, EmbeddedEncoding{"shop_2", 2, 1024}});
  seeds.push_back(EncodingToJson(encoding).value());
  for (std::string& seed : seeds) seed.insert(0, 1, ' ');
  return seeds;
}

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(EncodingJsonFuzzerTest, TheCorpusIsReadOrRefused) {
  for (const std::string& input : descent::testing::Corpus("encoding_json")) RunInput(input);
}

TEST(EncodingJsonFuzzerTest, MutatedTextIsReadOrRefused) {
  constexpr int kMutations = 5000;
  std::mt19937_64 random(20240229);
  for (const std::string& seed : Seeds()) {
    testing::RunMutated(seed, kMutations, &random, RunInput);
  }
}

}  // namespace
}  // namespace descent::cli
