#include "client/cli/tables/column_probe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/failure.h"
#include "client/cli/format.h"

namespace descent::cli {
namespace {

constexpr size_t kValues = 64;              // different ones, more need not be told apart
constexpr size_t kIndexValues = 1'000'000;  // without one twice they are taken for an index
// Texts without a number or a date among them, after which none is looked for.
constexpr int64_t kTexts = 1000;
constexpr size_t kExactDigits = 15;  // of whole numbers that a double tells apart

bool HasDigit(absl::string_view cell) {
  return std::any_of(cell.begin(), cell.end(), absl::ascii_isdigit);
}

// The sign that a file has to have another meaning for, so that the cell is a number; "" if it is
// none in any way of writing.
std::string WayOfWriting(absl::string_view cell) {
  struct Way {
    CellFormat format;
    const char* options;
  };
  static const auto* ways = new std::vector<Way>{
      {{.decimal = '.', .thousands = ','}, "--thousands ,"},
      {{.decimal = ','}, "--decimal ,"},
      {{.decimal = ',', .thousands = '.'}, "--decimal , --thousands ."},
      {{.decimal = ',', .thousands = ' '}, "--decimal , --thousands ' '"},
      {{.decimal = '.', .thousands = ' '}, "--thousands ' '"},
      {{.decimal = '.', .thousands = '\''}, "--thousands \"'\""},
      {{}, "--decimal ."},
  };
  std::string options;
  for (const Way& way : *ways) {
    if (!ParseQuantity(cell, way.format).has_value()) continue;
    // 1,234 may be both.
    const bool second = options == "--thousands ," && way.format == CellFormat{.decimal = ','};
    if (!options.empty() && !second) continue;
    absl::StrAppend(&options, second ? " or " : "", way.options);
  }
  return options;
}

bool IsInfinite(absl::string_view cell) {
  double value = 0;
  return absl::SimpleAtod(cell, &value) && std::isinf(value);
}

// Whether a number is written as numbers are, and not as the name of something: 007, or more digits
// than a number keeps.
bool IsPlainNumber(absl::string_view cell) {
  cell = absl::StripAsciiWhitespace(cell);
  if (!cell.empty() && (cell.front() == '-' || cell.front() == '+')) cell.remove_prefix(1);
  const bool zero_first =
      cell.size() > 1 && cell[0] == '0' && absl::ascii_isdigit(static_cast<unsigned char>(cell[1]));
  const bool whole = std::all_of(cell.begin(), cell.end(), absl::ascii_isdigit);
  return !zero_first && !(whole && cell.size() > kExactDigits);
}

// What stands behind the number that a text begins with, such as "kg"; empty if it begins with
// none.
absl::string_view BehindNumber(absl::string_view cell) {
  const size_t end = cell.find_first_not_of("+-.,0123456789");
  if (end == absl::string_view::npos || !HasDigit(cell.substr(0, end))) return "";
  return absl::StripAsciiWhitespace(cell.substr(end));
}

void AddValue(absl::string_view cell, size_t limit, absl::flat_hash_set<size_t>* values) {
  if (values->size() < limit) values->insert(absl::Hash<absl::string_view>()(cell));
}

}  // namespace

void ColumnProbe::Cells::Add(absl::string_view cell, int64_t at) {
  if (count++ > 0) return;
  line = at;
  first = std::string(cell);
}

ColumnProbe::ColumnProbe(ColumnSchema schema, bool named, const CellFormat& format)
    : schema_(std::move(schema)), format_(format) {
  // pandas calls the index of a table that it has written "Unnamed: 0" when it reads it back.
  may_be_index_ = absl::StartsWith(schema_.name, "Unnamed: ") || (!named && schema_.field == 0);
}

void ColumnProbe::Add(absl::string_view cell, int64_t line) {
  WatchIndex(cell, line);
  const std::optional<Quantity> quantity = ReadQuantity(cell, format_);
  if (quantity.has_value() && std::isnan(quantity->number)) return;
  if (quantity.has_value()) {
    AddNumber(cell, *quantity, line);
  } else {
    AddOther(cell, line);
  }
}

void ColumnProbe::WatchIndex(absl::string_view cell, int64_t line) {
  const std::optional<double> number = counts_ ? ParseNumber(cell) : std::nullopt;
  counts_ = number.has_value() && (numbers_.count == 0 || *number == last_ + 1) &&
            std::trunc(*number) == *number;
  last_ = number.value_or(0);
  if (!may_be_index_ || index_values_.size() >= kIndexValues || line == 0) return;
  may_be_index_ = index_values_.insert(absl::Hash<absl::string_view>()(cell)).second;
}

void ColumnProbe::AddNumber(absl::string_view cell, const Quantity& quantity, int64_t line) {
  if (numbers_.count == 0) unit_ = std::string(quantity.unit);
  numbers_.Add(cell, line);
  if (quantity.unit != unit_) other_unit_.Add(cell, line);
  numeric_ = numeric_ && quantity.unit.empty() && IsPlainNumber(cell);
  AddValue(cell, kValues, &number_values_);
}

void ColumnProbe::AddOther(absl::string_view cell, int64_t line) {
  AddValue(cell, kValues, &text_values_);
  const bool looked_enough = texts_.count > kTexts && foreign_.count == 0 && dates_.count == 0 &&
                             unclear_.count == 0 && infinite_.count == 0;
  if (looked_enough) return AddText(cell, line);
  if (IsInfinite(cell)) return infinite_.Add(cell, line);
  if (!HasDigit(cell)) return AddText(cell, line);
  if (const std::optional<Date> date = ParseDate(cell); date.has_value()) {
    if (date->has_time) times_.Add(cell, line);
    return dates_.Add(cell, line);
  }
  if (LooksLikeDate(cell)) return unclear_.Add(cell, line);
  if (!WayOfWriting(cell).empty()) return foreign_.Add(cell, line);
  AddText(cell, line);
}

void ColumnProbe::AddText(absl::string_view cell, int64_t line) {
  if (texts_.count == 0) {
    suffix_ = std::string(BehindNumber(cell));
  } else if (!suffix_.empty() && BehindNumber(cell) != suffix_) {
    suffix_.clear();
  }
  texts_.Add(cell, line);
}

bool ColumnProbe::IsOfNumbers() const {
  const int64_t others = texts_.count + dates_.count + unclear_.count;
  const int64_t numbers = numbers_.count + infinite_.count + foreign_.count;
  if (numbers_.count == 0 || foreign_.count > numbers_.count) return false;
  const bool most = numbers > others;
  const bool most_different = text_values_.size() < kValues &&
                              number_values_.size() > text_values_.size() &&
                              number_values_.size() > 2;
  return most || most_different;
}

bool ColumnProbe::IsOfDates() const {
  return dates_.count >
         texts_.count + numbers_.count + unclear_.count + foreign_.count + infinite_.count;
}

const ColumnProbe::Cells& ColumnProbe::Higher(const Cells& a, const Cells& b) {
  if (a.count == 0 || b.count == 0) return a.count == 0 ? b : a;
  return a.line <= b.line ? a : b;
}

std::string ColumnProbe::Remedies() const {
  const std::string name = Shortened(schema_.name);
  return absl::StrCat("; if the column is meant as categories, say --categorical ", name,
                      ", or leave it out with --ignore ", name);
}

absl::Status ColumnProbe::Problem(const std::string& source, const Cells& cells,
                                  absl::string_view message) const {
  return DataError({source, cells.line, schema_.field + 1},
                   absl::StrCat(Shortened(schema_.name), ": \"", Shortened(cells.first), "\" ",
                                message, Remedies()));
}

absl::Status ColumnProbe::ProblemOfNumbers(const std::string& source) const {
  const Cells& dates = Higher(dates_, unclear_);
  const Cells& slip = Higher(Higher(texts_, dates), Higher(infinite_, foreign_));
  if (slip.count > 0) {
    const std::string way = &slip == &foreign_ ? WayOfWriting(slip.first) : "";
    const std::string way_said = way.empty() ? "" : absl::StrCat(" (it is one with ", way, ")");
    return Problem(
        source, slip,
        absl::StrCat(&slip == &infinite_ ? "is not finite" : "is not a number",
                     ", as other cells of the column are", way_said,
                     "; if it means a missing one, say --missing '", Shortened(slip.first), "'"));
  }
  if (other_unit_.count > 0) {
    return Problem(source, other_unit_,
                   absl::StrCat("is not written with ", unit_.empty() ? "no sign" : unit_,
                                " as those before it are"));
  }
  return absl::OkStatus();
}

absl::Status ColumnProbe::ProblemOfDates(const std::string& source) const {
  const Cells& slip =
      Higher(Higher(texts_, numbers_), Higher(Higher(unclear_, foreign_), infinite_));
  if (slip.count == 0) return absl::OkStatus();
  return Problem(source, slip,
                 absl::StrCat("is not a date such as 2024-12-31, as other cells of the column are; "
                              "if it means a missing one, say --missing '",
                              Shortened(slip.first), "'"));
}

absl::Status ColumnProbe::ProblemOfTexts(const std::string& source) const {
  const int64_t all =
      texts_.count + numbers_.count + dates_.count + unclear_.count + foreign_.count;
  if (2 * unclear_.count > all) {
    return Problem(source, unclear_,
                   "is a date or a time that can be read in more than one way; dates written as "
                   "2024-12-31 or 2024-12-31 23:59 can be learnt from");
  }
  constexpr size_t kManyForCategories = 10;
  if (!suffix_.empty() && 2 * texts_.count > all && text_values_.size() >= kManyForCategories) {
    return Problem(source, texts_,
                   absl::StrCat("is a number with \"", Shortened(suffix_),
                                "\" behind it, as the others are; take it off to learn from the "
                                "numbers"));
  }
  if (2 * (foreign_.count + numbers_.count + infinite_.count) > all) {
    if (foreign_.count == 0) return Problem(source, infinite_, "is not finite");
    return Problem(source, foreign_,
                   absl::StrCat("is a number only with ", WayOfWriting(foreign_.first)));
  }
  return absl::OkStatus();
}

InferredColumn ColumnProbe::Finish(const std::string& source) const {
  InferredColumn column;
  column.schema = schema_;
  column.is_empty = texts_.count + numbers_.count + dates_.count + unclear_.count + foreign_.count +
                        infinite_.count ==
                    0;
  if (IsOfNumbers()) {
    column.problem = ProblemOfNumbers(source);
    column.schema.unit = unit_;
    column.schema.numeric = numeric_ && column.problem.ok();
  } else if (IsOfDates()) {
    column.is_date = true;
    column.has_time = times_.count > 0;
    column.problem = ProblemOfDates(source);
  } else if (!column.is_empty) {
    column.schema.kind = ColumnKind::kCategory;
    column.problem = ProblemOfTexts(source);
  }
  const bool more_rows_than_one = numbers_.count > 1 || texts_.count > 1;
  column.is_index = may_be_index_ && more_rows_than_one;
  column.counts_rows = counts_ && numbers_.count > 1;
  return column;
}

}  // namespace descent::cli
