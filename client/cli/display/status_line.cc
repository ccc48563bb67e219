#include "client/cli/display/status_line.h"

#include <langinfo.h>
#include <locale.h>  // NOLINT(modernize-deprecated-headers): for newlocale, which is POSIX
#include <sys/ioctl.h>
#include <unistd.h>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace descent::cli {
namespace {

constexpr absl::Duration kBarInterval = absl::Milliseconds(100);
constexpr absl::Duration kLineInterval = absl::Seconds(2);
constexpr int kDefaultWidth = 80;

}  // namespace

StatusLine::Style StatusLine::StyleFor(std::FILE* out) {
  return isatty(fileno(out)) != 0 ? Style::kBar : Style::kLines;
}

int StatusLine::width() const {
  winsize size{};
  const bool known = ioctl(fileno(out_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return (known ? size.ws_col : kDefaultWidth) - 1;
}

bool StatusLine::unicode() {
  const locale_t locale = newlocale(LC_CTYPE_MASK, "", nullptr);
  if (locale == nullptr) return false;
  const bool unicode = absl::string_view(nl_langinfo_l(CODESET, locale)) == "UTF-8";
  freelocale(locale);
  return unicode;
}

bool StatusLine::Due(absl::Time now) {
  if (style_ == Style::kSilent) return false;
  const absl::Duration interval = style_ == Style::kBar ? kBarInterval : kLineInterval;
  const bool first = last_due_ == absl::InfinitePast();
  if (!first && now - last_due_ < interval) return false;
  last_due_ = now;
  return !first;
}

void StatusLine::Show(const std::string& text) {
  if (style_ == Style::kSilent) return;
  if (style_ == Style::kLines) {
    absl::FPrintF(out_, "%s\n", text);
  } else {
    // Back to the line's start, write, erase what is left of the longer line before.
    absl::FPrintF(out_, "\r%s\x1b[K", text);
    drawn_ = true;
  }
  std::fflush(out_);
}

void StatusLine::Clear() {
  if (!drawn_) return;
  absl::FPrintF(out_, "\r\x1b[K");
  std::fflush(out_);
  drawn_ = false;
}

}  // namespace descent::cli
