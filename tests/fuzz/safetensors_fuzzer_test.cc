// The fuzzer's target over its seeds and a fixed number of their mutations: what runs in every
// build.

#include "tests/fuzz/safetensors_fuzzer.h"

#include <cstring>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "tests/exchange/trained_files.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/mutate.h"

namespace descent {
namespace {

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(SafetensorsFuzzerTest, TheCorpusIsTakenOrRefused) {
  for (const std::string& input : testing::Corpus("safetensors")) RunInput(input);
}

// Files of every case, their hashes taken out so that changed numbers come further.
TEST(SafetensorsFuzzerTest, MutatedFilesAreTakenOrRefused) {
  constexpr int kMutations = 100;
  std::mt19937_64 random(20240229);
  char number = 0;
  for (const auto& [name, of] : exchange::TrainedCases()) {
    const std::string file =
        exchange::SafetensorsOf(*exchange::Trained(of, 2), /*with_optimizer=*/true);
    testing::RunMutated(number + file, kMutations, &random, RunInput);
    std::string header = file.substr(8);
    const std::size_t hash = header.find("descent.state_hash");
    header[hash] = 'D';
    testing::RunMutated(number + header, kMutations, &random, RunInput);
    ++number;
  }
}

}  // namespace
}  // namespace descent
