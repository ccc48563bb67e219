// The fuzzer's target over its corpus and a fixed number of mutations: what runs in every build.
// For long runs there is the fuzzer itself, see CMakeLists.txt.

#include "tests/fuzz/table_read_fuzzer.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "tests/fuzz/mutate.h"
#include "tests/support/paths.h"

namespace descent::cli {
namespace {

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(TableReadFuzzerTest, MutatedFilesAreReadOrRefused) {
  constexpr int kMutations = 1000;
  std::mt19937_64 random(20240229);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(descent::testing::SourceDir() +
                                                               "/tests/fuzz/corpus/table_read")) {
    ++files;
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string seed{std::istreambuf_iterator<char>(stream), {}};
    testing::RunMutated(seed, kMutations, &random, RunInput);
  }
  EXPECT_GE(files, 10);
}

}  // namespace
}  // namespace descent::cli
