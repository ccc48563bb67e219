// The fuzzer's target over a fixed number of mutated frames: what runs in every build. For long
// runs there is the fuzzer itself, see CMakeLists.txt.

#include "tests/fuzz/journal_frame_fuzzer.h"

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/store/log/journal_frame.h"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/mutate.h"

namespace descent::store {
namespace {

// A frame of rows whose records are so long.
std::string Frame(const std::vector<std::size_t>& sizes) {
  std::vector<JournalRow> rows(sizes.size());
  std::vector<std::string> records;
  for (const std::size_t size : sizes) records.emplace_back(size, 'r');
  std::vector<FrameRow> frame;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    rows[i].id = static_cast<std::int64_t>(i) + 1;
    frame.push_back({.row = &rows[i], .records = records[i]});
  }
  std::string bytes = EncodeFrameHead(kFuzzedSalt, 3, frame);
  for (const std::string& text : records) bytes += text;
  return bytes;
}

void RunInput(FuzzedFrame as, const std::string& frame) {
  const std::string input = static_cast<char>(as) + frame;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(JournalFrameFuzzerTest, AHeadPutRightIsRead) {
  std::string frame = Frame({40});
  frame[40] = static_cast<char>(frame[40] ^ 1);
  EXPECT_FALSE(DecodeFrameHead(kFuzzedSalt, frame).has_value());
  PutHeadRight(&frame);
  EXPECT_TRUE(DecodeFrameHead(kFuzzedSalt, frame).has_value());
}

TEST(JournalFrameFuzzerTest, TheCorpusIsReadOrRefused) {
  for (const std::string& input : descent::testing::Corpus("journal_frame")) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }
}

TEST(JournalFrameFuzzerTest, MutatedFramesAreReadOrRefused) {
  constexpr int kMutations = 300;
  std::mt19937_64 random(20240229);
  for (const auto& sizes : std::vector<std::vector<std::size_t>>{{}, {0}, {40}, {7, 0, 5000}}) {
    const std::string seed = Frame(sizes);
    for (const FuzzedFrame as : {FuzzedFrame::kAsItIs, FuzzedFrame::kHead}) {
      testing::RunMutated(seed, kMutations, &random,
                          [as](const std::string& frame) { RunInput(as, frame); });
    }
  }
}

}  // namespace
}  // namespace descent::store
