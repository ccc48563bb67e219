// The fuzzer's target over a fixed number of random and mutated inputs: what runs in every build.
// For long runs there is the fuzzer itself, see CMakeLists.txt.

#include "tests/fuzz/compute_fuzzer.h"

#include <random>
#include <string>

#include "gtest/gtest.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/mutate.h"

namespace descent::fuzz {
namespace {

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

// A network, and each action with a few bytes of its own.
std::string RandomInput(std::mt19937_64* random) {
  std::string input;
  for (int i = 0; i < 3; ++i) input += static_cast<char>((*random)());
  for (int i = 0; i < 16; ++i) {
    input += static_cast<char>((*random)() % kActions);
    for (std::uint64_t n = (*random)() % 24; n > 0; --n) input += static_cast<char>((*random)());
  }
  return input;
}

TEST(ComputeFuzzerTest, TheCorpusIsReadOrRefused) {
  for (const std::string& input : testing::Corpus("compute")) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }
}

TEST(ComputeFuzzerTest, RandomCallsAreAnsweredWithNumbersOrRefused) {
  std::mt19937_64 random(20240229);
  for (int i = 0; i < 3000; ++i) RunInput(RandomInput(&random));
}

TEST(ComputeFuzzerTest, MutatedCallsAreAnsweredWithNumbersOrRefused) {
  std::mt19937_64 random(20240301);
  for (int i = 0; i < 200; ++i) {
    std::string input = RandomInput(&random);
    for (int m = 0; m < 10; ++m) {
      testing::Mutate(&random, &input);
      RunInput(input);
    }
  }
}

}  // namespace
}  // namespace descent::fuzz
