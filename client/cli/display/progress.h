// Shows how a training run goes along, as StatusLine shows things.

#ifndef CLIENT_CLI_DISPLAY_PROGRESS_H_
#define CLIENT_CLI_DISPLAY_PROGRESS_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/time/time.h"
#include "client/cli/display/status_line.h"

namespace descent::cli {

struct ProgressState {
  int64_t epoch = 1;  // under way, from 1
  int64_t epochs = 1;
  int64_t rows = 0;  // learnt from, of `total_rows` over all epochs
  int64_t total_rows = 0;
  double loss = 0;             // mean over the epoch so far
  double rows_per_second = 0;  // 0: not known yet
};

// "epoch 12/30  41 %  183 k rows/s  loss 0.2134  0:12 left".
std::string ProgressText(const ProgressState& state);

// The same with a bar, as wide as fits on a line of `width` columns.
std::string ProgressBar(const ProgressState& state, int width, bool unicode);

class Progress {
 public:
  using Style = StatusLine::Style;
  static Style StyleFor(std::FILE* out) { return StatusLine::StyleFor(out); }

  Progress(std::FILE* out, Style style) : line_(out, style) {}

  // Takes note of the state, whose `rows_per_second` it fills in itself, and shows it when it is
  // due.
  void Update(ProgressState state, absl::Time now);

  // Removes the bar, so that something else can be printed.
  void Clear() { line_.Clear(); }

 private:
  void UpdateRate(int64_t rows, absl::Time now);

  StatusLine line_;
  // The rate is a mean over the last seconds, older rows counting exponentially less.
  absl::Time rate_time_ = absl::InfinitePast();
  int64_t rate_rows_ = 0;
  double rows_per_second_ = 0;
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_DISPLAY_PROGRESS_H_
