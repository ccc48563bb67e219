#include "client/cli/text/dates.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"

namespace descent::cli {
namespace {

constexpr double kSecondsInDay = 86400;

struct NamedPart {
  DatePart part;
  absl::string_view name;
};

constexpr std::array kNames = {
    NamedPart{DatePart::kNone, ""},
    NamedPart{DatePart::kDays, "days"},
    NamedPart{DatePart::kYearSin, "year_sin"},
    NamedPart{DatePart::kYearCos, "year_cos"},
    NamedPart{DatePart::kWeekSin, "week_sin"},
    NamedPart{DatePart::kWeekCos, "week_cos"},
    NamedPart{DatePart::kDaySin, "day_sin"},
    NamedPart{DatePart::kDayCos, "day_cos"},
};

// Takes a number of `least` to `most` digits from the beginning of *text.
bool TakeNumber(absl::string_view* text, size_t least, size_t most, int* number) {
  size_t digits = 0;
  while (digits < text->size() &&
         absl::ascii_isdigit(static_cast<unsigned char>((*text)[digits]))) {
    ++digits;
  }
  if (digits < least || digits > most) return false;
  if (!absl::SimpleAtoi(text->substr(0, digits), number)) return false;
  text->remove_prefix(digits);
  return true;
}

// Takes what follows the seconds' decimal sign.
double TakeFraction(absl::string_view* text) {
  double fraction = 0;
  double unit = 0.1;
  while (!text->empty() && absl::ascii_isdigit(static_cast<unsigned char>(text->front()))) {
    fraction += unit * (text->front() - '0');
    unit /= 10;
    text->remove_prefix(1);
  }
  return fraction;
}

// Takes hours, minutes and perhaps seconds, as seconds of the day.
bool TakeTime(absl::string_view* text, double* seconds) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!TakeNumber(text, 1, 2, &hour) || !absl::ConsumePrefix(text, ":") ||
      !TakeNumber(text, 2, 2, &minute)) {
    return false;
  }
  double fraction = 0;
  if (absl::ConsumePrefix(text, ":")) {
    if (!TakeNumber(text, 2, 2, &second)) return false;
    if (absl::ConsumePrefix(text, ".") || absl::ConsumePrefix(text, ",")) {
      fraction = TakeFraction(text);
    }
  }
  // 24:00 is the day's end, and a minute may have a leap second.
  const bool ends = hour == 24 && minute == 0 && second == 0;
  if ((hour > 23 && !ends) || minute > 59 || second > 60) return false;
  *seconds = (hour * 60.0 + minute) * 60.0 + second + fraction;
  return true;
}

// Takes the difference from UTC, in seconds: Z, +01:00, +0100 or +01.
bool TakeOffset(absl::string_view* text, double* seconds) {
  absl::ConsumePrefix(text, " ");
  if (text->empty() || absl::ConsumePrefix(text, "Z") || absl::ConsumePrefix(text, "z") ||
      absl::ConsumePrefix(text, "UTC")) {
    return text->empty();
  }
  const bool west = text->front() == '-';
  if (!west && text->front() != '+') return false;
  text->remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  int both = 0;
  if (text->size() == 4 && TakeNumber(text, 4, 4, &both)) {
    hours = both / 100;
    minutes = both % 100;
  } else if (!TakeNumber(text, 2, 2, &hours) ||
             (absl::ConsumePrefix(text, ":") && !TakeNumber(text, 2, 2, &minutes))) {
    return false;
  }
  *seconds = (west ? -60.0 : 60.0) * (hours * 60 + minutes);
  return text->empty() && hours <= 18 && minutes <= 59;
}

double Turn(double part) { return 2 * 3.141592653589793 * part; }

// Skips a word that may be a month's name: Dec, December.
bool TakeMonthName(absl::string_view* text) {
  constexpr std::array<absl::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                         "jul", "aug", "sep", "oct", "nov", "dec"};
  size_t letters = 0;
  while (letters < text->size() &&
         absl::ascii_isalpha(static_cast<unsigned char>((*text)[letters]))) {
    ++letters;
  }
  if (letters < 3 || letters > 9) return false;
  for (const absl::string_view month : kMonths) {
    if (!absl::StartsWithIgnoreCase(*text, month)) continue;
    text->remove_prefix(letters);
    absl::ConsumePrefix(text, ".");
    return true;
  }
  return false;
}

bool TakeOneOf(absl::string_view* text, absl::string_view signs) {
  const size_t before = text->size();
  while (!text->empty() && absl::StrContains(signs, text->front())) text->remove_prefix(1);
  return text->size() < before;
}

bool TakeUnclearDate(absl::string_view* text) {
  int number = 0;
  if (TakeMonthName(text)) {  // Dec 31, 2024
    return TakeOneOf(text, " -/") && TakeNumber(text, 1, 2, &number) && TakeOneOf(text, " ,-/") &&
           TakeNumber(text, 2, 4, &number);
  }
  if (!TakeNumber(text, 1, 4, &number)) return false;
  const absl::string_view sign = text->substr(0, 1);
  if (sign.empty() || !TakeOneOf(text, "/.- ")) return false;
  if (TakeMonthName(text)) {  // 31-Dec-2024
    return TakeOneOf(text, " -/,") && TakeNumber(text, 2, 4, &number);
  }
  int last = 0;
  const absl::string_view middle = *text;
  if (sign == " " || !TakeNumber(text, 1, 2, &number) || !absl::ConsumePrefix(text, sign)) {
    return false;
  }
  // 1.2.3 is a version rather than a day.
  const absl::string_view end = *text;
  if (!TakeNumber(text, 1, 4, &last) || middle.empty()) return false;
  const size_t digits = end.size() - text->size();
  return digits == 4 || (digits == 2 && sign != ".");
}

}  // namespace

absl::string_view NameOf(DatePart part) {
  for (const NamedPart& named : kNames) {
    if (named.part == part) return named.name;
  }
  return "";
}

std::optional<DatePart> DatePartOf(absl::string_view name) {
  for (const NamedPart& named : kNames) {
    if (named.name == name) return named.part;
  }
  return std::nullopt;
}

std::optional<Date> ParseDate(absl::string_view cell) {
  absl::string_view text = absl::StripAsciiWhitespace(cell);
  int year = 0;
  int month = 0;
  int day = 1;
  if (!TakeNumber(&text, 4, 4, &year) || text.empty()) return std::nullopt;
  const absl::string_view sign = text.substr(0, 1);
  if (sign != "-" && sign != "/") return std::nullopt;
  text.remove_prefix(1);
  if (!TakeNumber(&text, 1, 2, &month)) return std::nullopt;
  const bool month_alone = text.empty() && sign == "-";
  if (!month_alone && (!absl::ConsumePrefix(&text, sign) || !TakeNumber(&text, 1, 2, &day))) {
    return std::nullopt;
  }
  const absl::CivilDay civil(year, month, day);
  if (civil.month() != month || civil.day() != day) return std::nullopt;  // such as February 30th

  Date date;
  double seconds = 0;
  double offset = 0;
  if (!text.empty()) {
    if (!TakeOneOf(&text, "Tt ") || !TakeTime(&text, &seconds) || !TakeOffset(&text, &offset)) {
      return std::nullopt;
    }
    date.has_time = true;
  }
  const auto days = static_cast<double>(civil - absl::CivilDay(1970));
  const absl::CivilDay new_year(year);
  const auto days_in_year = static_cast<double>(absl::CivilDay(year + 1) - new_year);
  date.day = seconds / kSecondsInDay;
  date.days = days + (seconds - offset) / kSecondsInDay;
  date.year = (static_cast<double>(civil - new_year) + date.day) / days_in_year;
  date.week = static_cast<double>(absl::GetWeekday(civil)) / 7;
  return date;
}

bool LooksLikeDate(absl::string_view cell) {
  absl::string_view text = absl::StripAsciiWhitespace(cell);
  double seconds = 0;
  absl::string_view time = text;
  if (!TakeTime(&time, &seconds)) {
    if (!TakeUnclearDate(&text)) return false;
    if (text.empty()) return true;
    if (!TakeOneOf(&text, "T, ") || !TakeTime(&text, &seconds)) return false;
    time = text;
  }
  TakeOneOf(&time, " ");
  return time.empty() || absl::EqualsIgnoreCase(time, "am") || absl::EqualsIgnoreCase(time, "pm") ||
         absl::EqualsIgnoreCase(time, "Z");
}

double ValueOf(const Date& date, DatePart part) {
  switch (part) {
    case DatePart::kNone:
    case DatePart::kDays:
      return date.days;
    case DatePart::kYearSin:
      return std::sin(Turn(date.year));
    case DatePart::kYearCos:
      return std::cos(Turn(date.year));
    case DatePart::kWeekSin:
      return std::sin(Turn(date.week));
    case DatePart::kWeekCos:
      return std::cos(Turn(date.week));
    case DatePart::kDaySin:
      return std::sin(Turn(date.day));
    case DatePart::kDayCos:
      return std::cos(Turn(date.day));
  }
  return 0;
}

}  // namespace descent::cli
