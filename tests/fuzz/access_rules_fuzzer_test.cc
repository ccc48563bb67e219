// The fuzzer's target over its seeds and a fixed number of their mutations: what runs in every
// build.

#include "tests/fuzz/access_rules_fuzzer.h"

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/mutate.h"

namespace descent {
namespace {

std::string Input(AccessText kind, const std::string& text) {
  return static_cast<char>(kind) + text;
}

std::vector<std::string> Seeds() {
  return {
      Input(AccessText::kFile,
            "# who may do what\n[[caller]]\nname = \"pricing-trainer\"\n"
            "token_sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n"
            "role = \"trainer\"\nmodels = [\"pricing-*\", 'rates']\n"),
      Input(
          AccessText::kFile,
          "[[caller]]\nname = 'web'\ncertificate = 'spiffe://example/web'\nrole = 'reader'\n"
          "[[caller]]\nname = \"ops\"\ncertificate = \"CN=ops,O=\\u0045xample\"\nrole = 'admin'\n"),
      Input(AccessText::kFile, "caller = [{name = 'a', role = 'reader', certificate = 'x'}]\n"),
      Input(AccessText::kFile, "[[caller]]\ntoken = 'dsc_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4'\n"),
      Input(AccessText::kFile,
            "[[caller]]\nname = 1979-05-27T07:32:00Z\nrole = \"\"\"\nadmin\"\"\"\n"),
      Input(AccessText::kFile, "caller = [[[[{a.b.c = [inf, 0x1F, 1e5, true]}]]]]\n"),
      Input(AccessText::kAuthorization, "Bearer dsc_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"),
      Input(AccessText::kAuthorization, "bearer   a.b-c_d~e+f/g=="),
      Input(AccessText::kAuthorization, "Basic dXNlcjpwYXNz"),
      Input(AccessText::kPattern, "pricing-*-v*\npricing-eu-v1.2"),
      Input(AccessText::kPattern, "a*a*a*a*a*a*a*b\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
  };
}

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(AccessRulesFuzzerTest, TheCorpusIsTakenOrRefused) {
  for (const std::string& input : testing::Corpus("access_rules")) RunInput(input);
}

TEST(AccessRulesFuzzerTest, MutatedTextIsTakenOrRefused) {
  constexpr int kMutations = 3000;
  std::mt19937_64 random(20240229);
  for (const std::string& seed : Seeds()) {
    testing::RunMutated(seed, kMutations, &random, RunInput);
  }
}

}  // namespace
}  // namespace descent
