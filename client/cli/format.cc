#include "client/cli/format.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace descent::cli {
namespace {

constexpr int kSignificantDigits = 4;
constexpr double kLargest = 1e12;
constexpr double kSmallest = 1e-4;

// Puts commas between groups of three digits before the point.
std::string Group(std::string text) {
  const size_t begin = text[0] == '-' ? 1 : 0;
  const size_t end = std::min(text.find('.'), text.size());
  for (size_t i = end; i > begin + 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

}  // namespace

std::string FormatCount(int64_t count) { return Group(absl::StrCat(count)); }

std::string FormatFixed(double value, int decimals) {
  return Group(absl::StrFormat("%.*f", decimals, value));
}

std::string FormatNumber(double value) {
  const double magnitude = std::abs(value);
  if (!std::isfinite(value) || magnitude >= kLargest || (magnitude < kSmallest && value != 0)) {
    return absl::StrFormat("%.*g", kSignificantDigits, value);
  }
  const int before_point =
      magnitude < 1 ? 0 : static_cast<int>(std::floor(std::log10(magnitude))) + 1;
  return FormatFixed(value, std::max(0, kSignificantDigits - before_point));
}

std::string FormatBytes(int64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, bytes == 1 ? " byte" : " bytes");
  double value = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"kB", "MB", "GB", "TB"}) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  const int decimals = value < 9.995 ? 2 : (value < 99.95 ? 1 : 0);
  return absl::StrCat(FormatFixed(value, decimals), " ", unit);
}

std::string Shortened(absl::string_view text) {
  constexpr size_t kMostBytes = 40;
  constexpr absl::string_view kEllipsis = "...";
  const bool cut = text.size() > kMostBytes;
  if (cut) {
    size_t end = kMostBytes - kEllipsis.size();
    // Not within a character of UTF-8.
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  std::string shown(text);
  for (char& c : shown) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return cut ? absl::StrCat(shown, kEllipsis) : shown;
}

std::string SomeOf(const std::vector<std::string>& texts) {
  constexpr size_t kShown = 5;
  std::string list;
  for (size_t i = 0; i < std::min(kShown, texts.size()); ++i) {
    absl::StrAppend(&list, i == 0 ? "" : ", ", Shortened(texts[i]));
  }
  if (texts.size() > kShown) absl::StrAppend(&list, ", ... (", FormatCount(texts.size()), ")");
  return list;
}

}  // namespace descent::cli
