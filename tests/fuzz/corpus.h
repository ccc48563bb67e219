// Inputs that a fuzzer found worth keeping, and those that once broke something.

#ifndef TESTS_FUZZ_CORPUS_H_
#define TESTS_FUZZ_CORPUS_H_

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/paths.h"

namespace descent::testing {

// Of tests/fuzz/corpus/<fuzzer>, in no order.
inline std::vector<std::string> Corpus(const std::string& fuzzer) {
  std::vector<std::string> inputs;
  const auto directory = std::filesystem::path(SourceDir()) / "tests/fuzz/corpus" / fuzzer;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    std::ifstream in(file.path(), std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  EXPECT_FALSE(inputs.empty()) << directory;
  return inputs;
}

}  // namespace descent::testing

#endif  // TESTS_FUZZ_CORPUS_H_
