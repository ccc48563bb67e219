#include "server/pages/numbers.h"

#include <array>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace descent::pages {
namespace {

// To three digits, of a number below 1000.
std::string ThreeDigits(double number) {
  const double size = std::fabs(number);
  const int decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return absl::StrFormat("%.*f", decimals, number);
}

// The number in units of `factor`, and which of those it is.
template <std::size_t kUnits>
std::string InUnits(double number, double factor, const std::array<const char*, kUnits>& units) {
  std::size_t unit = 0;
  // What would be shown as a whole unit of the next is shown as that.
  while (std::fabs(number) >= factor - 0.5 && unit + 1 < kUnits) {
    number /= factor;
    ++unit;
  }
  if (unit == 0) return absl::StrCat(absl::StrFormat("%.0f", number), units[0]);
  return absl::StrCat(ThreeDigits(number), units[unit]);
}

}  // namespace

std::string Count(std::int64_t number) {
  std::string digits = absl::StrCat(number);
  for (std::size_t place = digits.size(); place > (number < 0 ? 4U : 3U);) {
    place -= 3;
    digits.insert(place, ",");
  }
  return digits;
}

std::string ShortCount(double number) {
  if (!std::isfinite(number)) return "–";
  if (std::fabs(number) < 99.5 && number != std::floor(number)) return ThreeDigits(number);
  return InUnits(number, 1000, std::array{"", "k", "M", "G", "T", "P", "E"});
}

std::string Real(double number) {
  return std::isfinite(number) ? absl::StrFormat("%.4g", number) : "–";
}

std::string Bytes(std::int64_t bytes) {
  return InUnits(static_cast<double>(bytes), 1024,
                 std::array{" B", " KiB", " MiB", " GiB", " TiB", " PiB"});
}

std::string Span(absl::Duration duration) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 4> kUnits = {
      {{86400, " d"}, {3600, " h"}, {60, " min"}, {1, " s"}}};
  std::int64_t left = absl::ToInt64Seconds(duration);
  if (left <= 0) return "0 s";
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    if (left < kUnits[i].seconds) continue;
    std::string text = absl::StrCat(Count(left / kUnits[i].seconds), kUnits[i].name);
    left %= kUnits[i].seconds;
    if (i + 1 < kUnits.size() && left >= kUnits[i + 1].seconds) {
      absl::StrAppend(&text, " ", left / kUnits[i + 1].seconds, kUnits[i + 1].name);
    }
    return text;
  }
  return "0 s";
}

std::string Moment(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

}  // namespace descent::pages
