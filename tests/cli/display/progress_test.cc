#include "client/cli/display/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/time/time.h"
#include "tests/cli/temporary_file.h"

namespace descent::cli {
namespace {

using testing::HasSubstr;

ProgressState Halfway() {
  return {.epoch = 16,
          .epochs = 30,
          .rows = 250000,
          .total_rows = 500000,
          .loss = 0.21344,
          .rows_per_second = 183400};
}

TEST(ProgressTextTest, SaysRateLossAndTimeLeft) {
  EXPECT_EQ(ProgressText(Halfway()), "epoch 16/30   50 %  183 k rows/s  loss 0.2134  0:02 left");
}

TEST(ProgressTextTest, LeavesOutWhatIsNotKnown) {
  ProgressState state = Halfway();
  state.rows_per_second = 0;
  EXPECT_EQ(ProgressText(state), "epoch 16/30   50 %  loss 0.2134");
}

TEST(ProgressTextTest, ShowsHours) {
  ProgressState state = Halfway();
  state.rows_per_second = 250000.0 / 3723;
  EXPECT_THAT(ProgressText(state), HasSubstr("67 rows/s"));
  EXPECT_THAT(ProgressText(state), HasSubstr("1:02:03 left"));
}

TEST(ProgressBarTest, PutsABarInTheText) {
  EXPECT_EQ(ProgressBar(Halfway(), 80, /*unicode=*/false),
            "epoch 16/30 [########........]   50 %  183 k rows/s  loss 0.2134  0:02 left");
}

TEST(ProgressBarTest, DrawsEighths) {
  ProgressState state = Halfway();
  state.rows = 265000;  // 53 % of 16 cells are 8 and 3 eighths
  EXPECT_THAT(ProgressBar(state, 80, /*unicode=*/true), HasSubstr("▕████████▍       ▏"));
}

TEST(ProgressBarTest, NeverExceedsANarrowLine) {
  for (int width = 0; width < 120; ++width) {
    EXPECT_LE(ProgressBar(Halfway(), width, false).size(), static_cast<size_t>(width));
  }
}

class ProgressTest : public testing::Test {
 protected:
  // What is written while rows come in at 1,000 a second for `seconds`.
  std::string Written(Progress::Style style, int seconds) {
    const TemporaryFile file("");
    std::FILE* out = std::fopen(file.path().c_str(), "w");
    {
      Progress progress(out, style);
      for (int tick = 0; tick <= seconds * 10; ++tick) {
        ProgressState state = Halfway();
        state.rows = tick * 100;
        state.total_rows = 20000;
        progress.Update(state, absl::UnixEpoch() + tick * absl::Milliseconds(100));
      }
    }
    std::fclose(out);
    std::ostringstream content;
    content << std::ifstream(file.path()).rdbuf();
    return content.str();
  }
};

TEST_F(ProgressTest, IsSilentWhenAskedToBe) {
  EXPECT_EQ(Written(Progress::Style::kSilent, 10), "");
}

TEST_F(ProgressTest, WritesALineNowAndThen) {
  EXPECT_EQ(Written(Progress::Style::kLines, 5),
            "epoch 16/30   10 %  1.00 k rows/s  loss 0.2134  0:18 left\n"
            "epoch 16/30   20 %  1.00 k rows/s  loss 0.2134  0:16 left\n");
}

TEST_F(ProgressTest, RedrawsTheBarAndRemovesIt) {
  const std::string written = Written(Progress::Style::kBar, 1);
  EXPECT_THAT(written, testing::StartsWith("\repoch 16/30 "));
  EXPECT_THAT(written, testing::EndsWith("\r\x1b[K"));
}

}  // namespace
}  // namespace descent::cli
