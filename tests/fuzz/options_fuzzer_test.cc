// The fuzzer's target over its seeds and a fixed number of their mutations: what runs in every
// build.

#include "tests/fuzz/options_fuzzer.h"

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/mutate.h"

namespace descent {
namespace {

std::string Input(OptionSource source, const std::string& text) {
  return static_cast<char>(source) + text;
}

std::vector<std::string> Seeds() {
  return {
      Input(OptionSource::kFile,
            "# a comment\nthreads = 4\nlisten = \"0.0.0.0:50051\"\nin-memory = true\n"),
      Input(OptionSource::kFile, "data-dir = '/var/lib/descent'\ndrain-timeout = 2.5\n"),
      Input(OptionSource::kFile, "log-format = json\nmax-message-mib=64\nrequest-window = 0\n"),
      Input(OptionSource::kFile, "[healthcheck]\nserver = \"x\"\n[verify]\n"),
      Input(OptionSource::kFile, "threads = [1, 2, 3]\nlog-level = \"\"\"debug\"\"\"\n"),
      Input(OptionSource::kFile, "memory-mib = 99999999999999999999\nin-memory = 2\n"),
      Input(OptionSource::kEnvironment,
            "DESCENT_THREADS=4\nDESCENT_LISTEN=[::]:50051\nDESCENT_IN_MEMORY=yes\n"),
      Input(OptionSource::kEnvironment, "STATE_DIRECTORY=/a:/b\nXDG_STATE_HOME=/c\n"),
      Input(OptionSource::kEnvironment, "DESCENT_DATA_DIR=/x\nDESCENT_DRAIN_TIMEOUT=1e300\n"),
      Input(OptionSource::kFlags, "--threads\n4\n--listen=unix:/x\n--in-memory\n"),
      Input(OptionSource::kFlags, "healthcheck\n--server\nlocalhost:1\n--timeout=3\n"),
      Input(OptionSource::kFlags, "verify\n--json\n/data\n"),
      Input(OptionSource::kFlags, "--help\n--version\n--print-config\n--data-dir=/y\n"),
  };
}

void RunInput(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(OptionsFuzzerTest, TheCorpusIsTakenOrRefused) {
  for (const std::string& input : testing::Corpus("options")) RunInput(input);
}

TEST(OptionsFuzzerTest, MutatedOptionsAreTakenOrRefused) {
  constexpr int kMutations = 200;
  std::mt19937_64 random(20240229);
  for (const std::string& seed : Seeds()) {
    testing::RunMutated(seed, kMutations, &random, RunInput);
  }
}

}  // namespace
}  // namespace descent
