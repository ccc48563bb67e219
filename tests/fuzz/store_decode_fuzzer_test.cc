// The fuzzer's target over a fixed number of mutated inputs: what runs in every build, with every
// compiler and sanitizer. For long runs there is the fuzzer itself, see CMakeLists.txt.

#include "tests/fuzz/store_decode_fuzzer.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/store/format/codec.h"
#include "server/store/format/settings_json.h"
#include "tests/fuzz/mutate.h"
#include "tests/store/format/random_value.h"

namespace descent::store {
namespace {

std::string Input(Fuzzed fuzzed, const std::string& bytes) {
  return static_cast<char>(fuzzed) + bytes;
}

// Good inputs to start from.
std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (std::uint64_t i = 0; i < 20; ++i) {
    std::string records;
    AppendRecord(Random<UpdateRecord>(2 * i), &records);
    AppendRecord(Random<UpdateRecord>(2 * i + 1), &records);
    seeds.push_back(Input(Fuzzed::kRecords, records));
    seeds.push_back(Input(Fuzzed::kImageHeader, EncodeImageHeader(Random<ModelImage>(i))));
    seeds.push_back(Input(Fuzzed::kAnswer, EncodeAnswer(Random<RememberedAnswer>(i))));
    seeds.push_back(Input(Fuzzed::kSettings, SettingsToJson(Random<ModelSettings>(i))));
  }
  return seeds;
}

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(StoreDecodeFuzzerTest, MutatedBytesAreDecodedOrRefused) {
  constexpr int kMutations = 2000;
  std::mt19937_64 random(20240229);
  for (const std::string& seed : Seeds()) {
    testing::RunMutated(seed, kMutations, &random, RunInput);
  }
}

}  // namespace
}  // namespace descent::store
