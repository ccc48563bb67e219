#include "client/cli/display/progress.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace descent::cli {
namespace {

constexpr absl::Duration kRateInterval = absl::Milliseconds(200);
constexpr double kRateMemorySeconds = 3;
// What the text takes at most, as a rule: the bar is as wide as is left, and doesn't move when a
// number gets a digit more.
constexpr int kTextWidth = 64;
constexpr int kMinimumBar = 10;
constexpr int kMaximumBar = 40;

// "950", "183 k", "1.25 M".
std::string ShortNumber(double value) {
  if (value < 1e3) return absl::StrFormat("%.0f", value);
  if (value < 1e4) return absl::StrFormat("%.2f k", value / 1e3);
  if (value < 1e6) return absl::StrFormat("%.0f k", value / 1e3);
  return absl::StrFormat("%.2f M", value / 1e6);
}

// "0:12", "1:02:03".
std::string Clock(double seconds) {
  const auto total = static_cast<int64_t>(std::ceil(seconds));
  const int64_t hours = total / 3600;
  const int64_t minutes = total / 60 % 60;
  if (hours > 0) return absl::StrFormat("%d:%02d:%02d", hours, minutes, total % 60);
  return absl::StrFormat("%d:%02d", minutes, total % 60);
}

double Fraction(const ProgressState& state) {
  if (state.total_rows <= 0) return 1;
  const double fraction = static_cast<double>(state.rows) / static_cast<double>(state.total_rows);
  return std::clamp(fraction, 0.0, 1.0);
}

// Eighths of a cell in Unicode, whole cells in ASCII.
std::string Bar(double fraction, int width, bool unicode) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!unicode) {
    const int full = static_cast<int>(fraction * width);
    return absl::StrCat("[", std::string(full, '#'), std::string(width - full, '.'), "]");
  }
  const int eighths = static_cast<int>(fraction * width * 8);
  std::string bar = "▕";
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kEighths[eighths % 8];
  bar.append(width - (eighths + 7) / 8, ' ');
  return bar + "▏";
}

std::string EpochText(const ProgressState& state) {
  return absl::StrFormat("epoch %d/%d", state.epoch, state.epochs);
}

std::string NumbersText(const ProgressState& state) {
  std::string text = absl::StrFormat("%3.0f %%", std::floor(100 * Fraction(state)));
  if (state.rows_per_second > 0) {
    absl::StrAppend(&text, "  ", ShortNumber(state.rows_per_second), " rows/s");
  }
  absl::StrAppendFormat(&text, "  loss %.4g", state.loss);
  if (state.rows_per_second > 0) {
    const auto rows_left = static_cast<double>(state.total_rows - state.rows);
    absl::StrAppend(&text, "  ", Clock(rows_left / state.rows_per_second), " left");
  }
  return text;
}

}  // namespace

std::string ProgressText(const ProgressState& state) {
  return absl::StrCat(EpochText(state), "  ", NumbersText(state));
}

std::string ProgressBar(const ProgressState& state, int width, bool unicode) {
  const int room = std::min(width - kTextWidth, kMaximumBar);
  const std::string text = ProgressText(state);
  constexpr int kFrame = 3;  // the bar's two ends and a space before them
  const bool fits = static_cast<int>(text.size()) + room + kFrame <= width;
  if (room < kMinimumBar || !fits) return text.substr(0, std::max(width, 0));
  return absl::StrCat(EpochText(state), " ", Bar(Fraction(state), room, unicode), "  ",
                      NumbersText(state));
}

void Progress::Update(ProgressState state, absl::Time now) {
  if (line_.style() == Style::kSilent) return;
  UpdateRate(state.rows, now);
  if (!line_.Due(now)) return;
  state.rows_per_second = rows_per_second_;
  line_.Show(line_.style() == Style::kLines
                 ? ProgressText(state)
                 : ProgressBar(state, line_.width(), StatusLine::unicode()));
}

void Progress::UpdateRate(int64_t rows, absl::Time now) {
  if (rate_time_ == absl::InfinitePast()) {
    rate_time_ = now;
    rate_rows_ = rows;
    return;
  }
  const absl::Duration elapsed = now - rate_time_;
  if (elapsed < kRateInterval) return;
  const double seconds = absl::ToDoubleSeconds(elapsed);
  const double rate = static_cast<double>(rows - rate_rows_) / seconds;
  const double weight = rows_per_second_ > 0 ? 1 - std::exp(-seconds / kRateMemorySeconds) : 1;
  rows_per_second_ += weight * (rate - rows_per_second_);
  rate_time_ = now;
  rate_rows_ = rows;
}

}  // namespace descent::cli
