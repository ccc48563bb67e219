#include "client/cli/text/cells.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace descent::cli {
namespace {

// pandas' and R's, and what dates, this command itself and SQL write: dumps \N, and tools (null),
// [NULL] and <null>.
constexpr std::array<absl::string_view, 27> kMissingWords = {
    "?",       "#N/A", "#N/A N/A", "#NA",    "-1.#IND", "-1.#QNAN", "-NaN",   "-nan",   "1.#IND",
    "1.#QNAN", "<NA>", "N/A",      "NA",     "NULL",    "NaN",      "n/a",    "nan",    "null",
    "NaT",     "nat",  "\\N",      "(null)", "(NULL)",  "[null]",   "[NULL]", "<null>", "<NULL>"};

// Among numbers alone: as texts these may be said in earnest. A point is what SAS and Stata write.
constexpr std::array<absl::string_view, 2> kMissingNumberWords = {"none", "."};

const absl::flat_hash_set<std::string>& MissingWordsInLowerCase() {
  static const auto* words = [] {
    auto* all = new absl::flat_hash_set<std::string>;
    for (const absl::string_view word : kMissingWords) all->insert(absl::AsciiStrToLower(word));
    for (const absl::string_view word : kMissingNumberWords) all->insert(std::string(word));
    return all;
  }();
  return *words;
}

constexpr size_t kLongestMissingWord = 9;

// Signs and codes of currencies, the longer ones first where one begins with another.
constexpr std::array<absl::string_view, 14> kCurrencies = {
    "US$", "$", "€", "£", "¥", "₹", "₽", "₩", "USD", "EUR", "GBP", "CHF", "JPY", "INR"};

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// Skips the digits at the beginning of *rest, and appends them to *number.
size_t TakeDigits(absl::string_view* rest, std::string* number) {
  size_t count = 0;
  while (count < rest->size() && IsDigit((*rest)[count])) ++count;
  number->append(rest->data(), count);
  rest->remove_prefix(count);
  return count;
}

// Spaces that typography knows beside the usual one: no-break, figure, thin, narrow no-break.
constexpr std::array<absl::string_view, 4> kOtherSpaces = {"\xC2\xA0", "\xE2\x80\x87",
                                                           "\xE2\x80\x89", "\xE2\x80\xAF"};
constexpr absl::string_view kOtherApostrophe = "\xE2\x80\x99";  // U+2019
constexpr absl::string_view kOtherMinus = "\xE2\x88\x92";       // U+2212

bool TakeOtherSpace(absl::string_view* rest) {
  return std::any_of(kOtherSpaces.begin(), kOtherSpaces.end(),
                     [rest](absl::string_view space) { return absl::ConsumePrefix(rest, space); });
}

// Skips the sign that stands between thousands, which typography may have spelled.
bool TakeThousands(absl::string_view* rest, char thousands) {
  if (thousands == '\0') return false;
  if (thousands == ' ' && TakeOtherSpace(rest)) return true;
  if (thousands == '\'' && absl::ConsumePrefix(rest, kOtherApostrophe)) return true;
  return absl::ConsumePrefix(rest, absl::string_view(&thousands, 1));
}

// The same number as C has it, or nothing if it is none in that format.
std::optional<std::string> Normalized(absl::string_view cell, const CellFormat& format) {
  absl::string_view rest = absl::StripAsciiWhitespace(cell);
  std::string number;
  if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
    number += rest.front();
    rest.remove_prefix(1);
  }
  size_t digits = TakeDigits(&rest, &number);
  const bool may_group = digits >= 1 && digits <= 3;
  while (may_group && TakeThousands(&rest, format.thousands)) {
    if (TakeDigits(&rest, &number) != 3) return std::nullopt;
    digits += 3;
  }
  if (absl::ConsumePrefix(&rest, absl::string_view(&format.decimal, 1))) {
    number += '.';
    digits += TakeDigits(&rest, &number);
  }
  if (digits == 0) return std::nullopt;
  if (!rest.empty() && rest.front() != 'e' && rest.front() != 'E') return std::nullopt;
  absl::StrAppend(&number, rest);
  return number;
}

std::optional<double> FiniteNumber(absl::string_view text) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) return std::nullopt;
  return value;
}

absl::string_view StripSpaces(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  while (TakeOtherSpace(&text)) {
  }
  const auto take_last = [&text] {
    return std::any_of(kOtherSpaces.begin(), kOtherSpaces.end(), [&text](absl::string_view space) {
      return absl::ConsumeSuffix(&text, space);
    });
  };
  while (take_last()) {
  }
  return absl::StripAsciiWhitespace(text);
}

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

// A number as typography spells it, as it is usually spelled: with a hyphen for a minus, and no
// other spaces around it; nothing if it is so already.
std::optional<std::string> Retyped(absl::string_view cell) {
  if (cell.empty() || (IsAscii(cell.front()) && IsAscii(cell.back()))) return std::nullopt;
  absl::string_view text = StripSpaces(cell);
  const bool negative = absl::ConsumePrefix(&text, kOtherMinus);
  if (text.size() == cell.size()) return std::nullopt;
  if (!negative) return std::string(text);
  if (text.empty() || text.front() == '-' || text.front() == '+') return std::nullopt;
  return absl::StrCat("-", text);
}

// Whether there is nothing to be seen in a cell.
bool IsBlank(absl::string_view cell) {
  return cell.empty() || (!IsAscii(cell.front()) && StripSpaces(cell).empty());
}

// Takes a unit from before or after a number; "" if there is none.
absl::string_view TakeUnit(absl::string_view* text) {
  if (absl::ConsumeSuffix(text, "%")) return "%";
  for (const absl::string_view currency : kCurrencies) {
    if (absl::ConsumePrefix(text, currency) || absl::ConsumeSuffix(text, currency)) return currency;
  }
  return "";
}

}  // namespace

bool IsMissingText(absl::string_view cell, const CellFormat& format) {
  if (absl::c_linear_search(format.missing, cell)) return true;
  if (cell.size() > kLongestMissingWord || absl::c_linear_search(format.values, cell)) return false;
  return IsBlank(cell) ||
         std::find(kMissingWords.begin(), kMissingWords.end(), cell) != kMissingWords.end();
}

bool IsMissingNumber(absl::string_view cell, const CellFormat& format) {
  if (absl::c_linear_search(format.missing, cell)) return true;
  if (cell.size() > kLongestMissingWord || absl::c_linear_search(format.values, cell)) return false;
  return IsBlank(cell) || MissingWordsInLowerCase().contains(absl::AsciiStrToLower(cell));
}

std::optional<double> ParseNumber(absl::string_view cell, const CellFormat& format) {
  const auto parse = [&format](absl::string_view text) -> std::optional<double> {
    if (format.decimal == '.' && format.thousands == '\0') return FiniteNumber(text);
    const std::optional<std::string> number = Normalized(text, format);
    return number.has_value() ? FiniteNumber(*number) : std::nullopt;
  };
  const std::optional<double> number = parse(cell);
  if (number.has_value()) return number;
  const std::optional<std::string> retyped = Retyped(cell);
  return retyped.has_value() ? parse(*retyped) : std::nullopt;
}

std::optional<Quantity> ParseQuantity(absl::string_view cell, const CellFormat& format) {
  if (const std::optional<double> number = ParseNumber(cell, format); number.has_value()) {
    return Quantity{*number, ""};
  }
  absl::string_view text = StripSpaces(cell);
  const bool negative = absl::ConsumePrefix(&text, "-") || absl::ConsumePrefix(&text, kOtherMinus);
  const absl::string_view unit = TakeUnit(&text);
  text = StripSpaces(text);
  // One sign is enough, before the unit or behind it.
  if (unit.empty() || text.empty() || (negative && !IsDigit(text.front()))) return std::nullopt;
  const std::optional<double> number = ParseNumber(text, format);
  if (!number.has_value()) return std::nullopt;
  return Quantity{negative ? -*number : *number, unit};
}

std::optional<Quantity> ReadQuantity(absl::string_view cell, const CellFormat& format) {
  constexpr Quantity kMissing{std::numeric_limits<double>::quiet_NaN(), ""};
  // Words of the file's own may be numbers, such as -999; the usual ones are none.
  if (!format.missing.empty() && absl::c_linear_search(format.missing, cell)) return kMissing;
  const std::optional<Quantity> quantity = ParseQuantity(cell, format);
  if (!quantity.has_value() && IsMissingNumber(cell, format)) return kMissing;
  return quantity;
}

std::string SpellNumber(double number) {
  if (number == 0) return "0";
  constexpr double kPlain = 1e15;  // whole numbers below are written in full
  if (std::abs(number) < kPlain && number == std::trunc(number)) {
    return absl::StrCat(static_cast<int64_t>(number));
  }
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return {text.data(), end};
}

}  // namespace descent::cli
