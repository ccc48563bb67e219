// Dates and times as numbers that a network can learn from.
//
// A date is read where it is written as ISO 8601 has it, largest unit first, for that is the one
// way which leaves nothing open: 2024-12-31, 2024/12/31, 2024-12, or with a time behind a T or a
// space, 2024-12-31 23:59, 2024-12-31T23:59:59.5Z, 2024-12-31T23:59:59+01:00. It becomes several
// numbers: one that grows with time, and for what comes again its place on a circle, so that
// December is next to January. Cycles are of the clock and calendar as written, the growing number
// is of UTC.

#ifndef CLIENT_CLI_TEXT_DATES_H_
#define CLIENT_CLI_TEXT_DATES_H_

#include <array>
#include <optional>

#include "absl/strings/string_view.h"

namespace descent::cli {

// One of the numbers that a date becomes.
enum class DatePart {
  kNone,     // the column holds no dates
  kDays,     // since the beginning of 1970, with the time as a fraction
  kYearSin,  // where it is in the year
  kYearCos,
  kWeekSin,  // where it is in the week, days alone
  kWeekCos,
  kDaySin,  // where it is in the day
  kDayCos,
};

// Those of a date alone, and the further ones of a date with a time.
inline constexpr std::array kDateParts = {DatePart::kDays, DatePart::kYearSin, DatePart::kYearCos,
                                          DatePart::kWeekSin, DatePart::kWeekCos};
inline constexpr std::array kTimeParts = {DatePart::kDaySin, DatePart::kDayCos};

// "days", "year_sin", ...; "" for kNone.
absl::string_view NameOf(DatePart part);
// The part of that name; none if there is none.
std::optional<DatePart> DatePartOf(absl::string_view name);

struct Date {
  double days = 0;  // of UTC since 1970
  double year = 0;  // what has passed of it, from 0 to below 1, as are the others
  double week = 0;  // from Monday on
  double day = 0;
  bool has_time = false;
};

// The date a cell spells out as described above, if it is one.
std::optional<Date> ParseDate(absl::string_view cell);

// Whether a cell looks like a date or a time of another spelling, such as 31/12/2024, 31-Dec-2024
// or 23:59.
bool LooksLikeDate(absl::string_view cell);

double ValueOf(const Date& date, DatePart part);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_DATES_H_
