// Where it is shown how something goes along: a line that is redrawn on a terminal, a line now and
// then in a log, nothing where a program reads along.

#ifndef CLIENT_CLI_DISPLAY_STATUS_LINE_H_
#define CLIENT_CLI_DISPLAY_STATUS_LINE_H_

#include <cstdio>
#include <string>

#include "absl/time/time.h"

namespace descent::cli {

class StatusLine {
 public:
  enum class Style { kSilent, kLines, kBar };

  // kBar if the file is a terminal, kLines if not.
  static Style StyleFor(std::FILE* out);

  StatusLine(std::FILE* out, Style style) : out_(out), style_(style) {}
  ~StatusLine() { Clear(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  Style style() const { return style_; }
  // Columns that may be used; of a terminal.
  int width() const;
  // Whether the terminal shows more than ASCII.
  static bool unicode();

  // Whether something is to be shown now: not when first asked, and then when the last time is long
  // enough ago (0.1 s for a bar, 2 s for lines).
  bool Due(absl::Time now);

  // Shows the text, in the place of what is there with kBar.
  void Show(const std::string& text);

  // Removes the line of kBar, so that something else can be printed.
  void Clear();

 private:
  std::FILE* out_;
  Style style_;
  bool drawn_ = false;
  absl::Time last_due_ = absl::InfinitePast();
};

}  // namespace descent::cli

#endif  // CLIENT_CLI_DISPLAY_STATUS_LINE_H_
