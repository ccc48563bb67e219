// What a cell of a file means: a missing value, a number, a date, or a text.

#ifndef CLIENT_CLI_TEXT_CELLS_H_
#define CLIENT_CLI_TEXT_CELLS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace descent::cli {

// How a file writes its cells.
struct CellFormat {
  char decimal = '.';     // before a number's fraction
  char thousands = '\0';  // between a number's groups of three digits; '\0' if nothing is
  std::vector<std::string> missing =
      {};  // words that stand for a missing cell, beside the usual ones
  std::vector<std::string> values = {};  // words that don't, though they usually do

  friend bool operator==(const CellFormat&, const CellFormat&) = default;
};

// How a missing category is called: it is a category like any other.
inline constexpr absl::string_view kMissingCategory = "?";

// Whether a cell of a column of texts is missing: if it is empty, `?`, one of the words that pandas
// and R write for a missing value (such as NA, N/A, NaN, null, <NA>, #N/A, -1.#IND), spelled as
// they do, or one of the format's own. `None` is a text, for it often says "none of them" in
// earnest.
bool IsMissingText(absl::string_view cell, const CellFormat& format = {});

// Whether a cell of a column of numbers is missing: the same, in whatever case, `None`, and a
// point.
bool IsMissingNumber(absl::string_view cell, const CellFormat& format = {});

// The finite number a cell spells out, if it is one: a decimal number as C has it, with the
// format's decimal sign; a sign between thousands stands after every third digit of the
// whole part or nowhere. A minus may be U+2212, a space between thousands one that does not break
// lines or a thin one, and an apostrophe U+2019.
std::optional<double> ParseNumber(absl::string_view cell, const CellFormat& format = {});

// A number and what it is written with: a percent sign, or a currency's before or after it.
struct Quantity {
  double number = 0;
  absl::string_view unit;  // "%", "$", "€", ...; empty: nothing
};

// The number a cell spells out, with or without a unit.
std::optional<Quantity> ParseQuantity(absl::string_view cell, const CellFormat& format = {});

// What a cell of a column of numbers holds: a quantity, one of NaN without a unit if it is missing,
// or nothing if it is neither.
std::optional<Quantity> ReadQuantity(absl::string_view cell, const CellFormat& format);

// Equal numbers, one spelling: 1, 1.0, +1 and 1e0 are "1". Never two numbers, one spelling.
std::string SpellNumber(double number);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TEXT_CELLS_H_
