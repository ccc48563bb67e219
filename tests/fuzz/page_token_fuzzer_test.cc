// The fuzzer's target over a fixed number of mutated tokens: what runs in every build. For long
// runs there is the fuzzer itself, see CMakeLists.txt.

#include "tests/fuzz/page_token_fuzzer.h"

#include <random>
#include <string>

#include "gtest/gtest.h"
#include "server/models/list_pages.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/mutate.h"

namespace descent::models {
namespace {

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(PageTokenFuzzerTest, TheCorpusIsReadOrRefused) {
  for (const std::string& input : testing::Corpus("page_token")) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }
}

TEST(PageTokenFuzzerTest, MutatedTokensLeadToPagesOrAreRefused) {
  constexpr int kMutations = 2000;
  std::mt19937_64 random(20240229);
  for (const char* key : {"14", "0", "-7", "model-name", ""}) {
    const std::string seed = std::string("\x03\x09", 2) + EncodePageToken(key);
    testing::RunMutated(seed, kMutations, &random, RunInput);
  }
}

}  // namespace
}  // namespace descent::models
