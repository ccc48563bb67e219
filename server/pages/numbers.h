// Numbers as people read them.

#ifndef SERVER_PAGES_NUMBERS_H_
#define SERVER_PAGES_NUMBERS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace descent::pages {

// "1,234,567".
std::string Count(std::int64_t number);
// To three digits: "950", "12.3k", "4.56M".
std::string ShortCount(double number);
// To four digits: "0.1235", "1.235e-07", "12.35".
std::string Real(double number);
// "512 B", "1.50 KiB", "23.4 MiB".
std::string Bytes(std::int64_t bytes);
// Of two parts: "12 s", "3 min 5 s", "2 d 4 h". Less than nothing is "0 s".
std::string Span(absl::Duration duration);
// "2026-01-31 12:00:00 UTC".
std::string Moment(absl::Time time);

}  // namespace descent::pages

#endif  // SERVER_PAGES_NUMBERS_H_
